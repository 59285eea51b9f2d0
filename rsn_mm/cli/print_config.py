"""Print a config with everything it inherits."""

import argparse
from collections.abc import Sequence

from .configs import load_config
from .options import add_config_options
from .running import run_command


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Print a config with everything it inherits.')
    add_config_options(parser)
    return parser


def print_config(args: argparse.Namespace) -> None:
    """Print the config of the options."""
    print(load_config(args.config, args.cfg_options).pretty_text, end='')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(print_config, parser.parse_args(argv), parser.prog)
