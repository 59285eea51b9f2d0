"""Print the size of networks: parameters, and GFLOPs counted as in the papers."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from rsn_mm.analysis.complexity import Complexity, measure
from rsn_mm.configuration import SHIPPED, find_config, shipped_configs
from rsn_mm.errors import CommandError, EntryError, OptionError

from .configs import load_config
from .options import add_config_options
from .running import run_command

HEADER = ('network', 'input', 'params (M)', 'GFLOPs', 'paper', 'deviation', 'all heads', 'PRM')
#: Characters of a line if the output is not a terminal.
WIDTH = 120


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Print parameters and GFLOPs of networks. GFLOPs are multiply-adds of '
        'convolutions over 2^30, for one image without its mirror image, as the papers count. '
        '"GFLOPs" are those of a test, in which a multi-stage head computes the last heatmaps '
        'only; "all heads" those of training; "PRM" what the Pose Refine Machine, or the attention '
        'in its place, adds. "paper" is what the RSN paper reports, if it does (from the metafiles '
        'of configs/), and "deviation" how far "GFLOPs" is from it.')
    add_config_options(parser, several=True)
    parser.add_argument('--input-size', nargs=2, type=int, metavar=('W', 'H'),
                        help="input size (default: the codec's; detectors have none)")
    parser.add_argument('--markdown', action='store_true', help='print the table in Markdown')
    return parser


def papers_gflops() -> dict[Path, float]:
    """What the paper reports, by config."""
    index = yaml.safe_load((SHIPPED / 'model-index.yml').read_text())
    return {
        (SHIPPED / model['Config']).resolve(): model['Metadata']['Paper GFLOPs']
        for metafile in index['Import']
        for model in yaml.safe_load((SHIPPED / metafile).read_text())['Models']
        if 'Paper GFLOPs' in model['Metadata']}


def row(name: str, size: Complexity, paper: float | None) -> tuple[str, ...]:
    """Cells of a network, in the order of the header."""
    return (
        name, '{}x{}'.format(*size.input_size_wh), f'{size.params / 1e6:.1f}',
        f'{size.gflops:.2f}', f'{paper}' if paper else '',
        f'{size.gflops / paper - 1:+.1%}' if paper else '', f'{size.gflops_all_heads:.2f}',
        f'+{size.prm_gflops:.2f}' if size.prm_gflops else '')


def show(rows: list[tuple[str, ...]], markdown: bool) -> None:
    """Print the table."""
    if markdown:
        for cells in (HEADER, ('---', ) * len(HEADER), *rows):
            print(f'| {" | ".join(cells)} |')
        return
    table = Table()
    for i, name in enumerate(HEADER):
        table.add_column(name, justify='right' if i else 'left')
    for cells in rows:
        table.add_row(*cells)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(table)


def measured(path: str | Path, args: argparse.Namespace) -> Complexity:
    """The size of the network of a config.

    Raises:
        OptionError: If the config cannot be loaded, or its network cannot be measured.
    """
    cfg = load_config(path, args.cfg_options)
    try:
        return measure(cfg, args.input_size)
    except EntryError as error:
        if error.__cause__ is None or str(error).startswith(f'{path}: '):
            raise
        raise EntryError(f'{path}: {error}') from error.__cause__
    except ValueError as error:
        is_size_missing = isinstance(error, OptionError) and not args.input_size
        hint = '; --input-size W H gives it' if is_size_missing else ''
        raise OptionError(f'{path}: {error}{hint}') from error


def get_flops(args: argparse.Namespace) -> None:
    """Measure the networks of the options and print the table."""
    if args.input_size and min(args.input_size) < 1:
        raise CommandError(f'--input-size {args.input_size}: expected two positive numbers')
    paths = args.config or list(shipped_configs().values())
    # A changed network is not the paper's.
    paper = {} if args.input_size or args.cfg_options else papers_gflops()
    rows, left_out = [], []
    for path in paths:
        try:
            size = measured(path, args)
        except OptionError as error:
            if args.config:
                raise
            left_out.append(str(error))
            continue
        rows.append(row(Path(path).stem, size, paper.get(Path(find_config(path)).resolve())))
    if not rows:
        raise CommandError('\n'.join(['no network can be measured', *left_out]))
    show(rows, args.markdown)
    for line in left_out:
        print(f'left out {line}', file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(get_flops, parser.parse_args(argv), parser.prog)
