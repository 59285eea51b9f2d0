#!/usr/bin/env python
"""Print the size of networks: parameters, and GFLOPs counted as in the papers."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rsn_mm.apis.complexity import measure
from rsn_mm.engine import cli

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
#: Columns, where the output is no terminal that knows its width.
WIDTH = 120


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Print parameters and GFLOPs of networks. GFLOPs are multiply-adds of '
        'convolutions over 2^30, for one image without its mirror image, as the papers count: '
        '"GFLOPs" what runs in testing, where a multi-stage head gives the last heatmaps only, '
        '"all heads" as in training, "PRM" what the Pose Refine Machine adds.')
    cli.add_config_options(parser, several=True)
    parser.add_argument('--input-size', nargs=2, type=int, metavar=('W', 'H'),
                        help="instead of the codec's; for detectors, which have none")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.clear_errors():
        if args.input_size and min(args.input_size) < 1:
            raise cli.CommandError(f'--input-size {args.input_size}: expected two positive numbers')
        paths = args.config or sorted(
            path for path in CONFIGS.rglob('*.py') if path.parent.name != '_base_')
        table = Table()
        table.add_column('network')
        for name in ('input', 'params (M)', 'GFLOPs', 'all heads', 'PRM'):
            table.add_column(name, justify='right')
        left_out = []
        for path in paths:
            cfg = cli.load_config(path, args.cfg_options)
            try:
                size = measure(cfg, args.input_size)
            except ValueError as error:
                left_out.append(f'{path}: {error}; give --input-size')
                continue
            table.add_row(
                Path(path).stem, '{}x{}'.format(*size.input_size_wh), f'{size.params / 1e6:.1f}',
                f'{size.gflops:.2f}', f'{size.gflops_all_heads:.2f}',
                f'+{size.prm_gflops:.2f}' if size.prm_gflops else '')
        console = Console()
        if not console.is_terminal:
            console = Console(width=WIDTH)
        console.print(table)
        for line in left_out:
            console.print(f'left out {line}', soft_wrap=True, highlight=False)


if __name__ == '__main__':
    main()
