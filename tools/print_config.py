#!/usr/bin/env python
"""Print a config with everything it inherits."""

import argparse

from rsn_mm.cli import common as cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Print a config with everything it inherits.')
    cli.add_config_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.clear_errors():
        print(cli.load_config(args.config, args.cfg_options).pretty_text, end='')


if __name__ == '__main__':
    main()
