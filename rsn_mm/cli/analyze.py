"""Look into a network: its heatmaps, its branch weights, or its cost."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

#: What can be looked at, and the modules of these commands.
KINDS = {'heatmaps': 'plot_heatmaps', 'weights': 'plot_branch_weights', 'flops': 'get_flops'}


def build_parser() -> argparse.ArgumentParser:
    """The command line up to the options of the kind."""
    parser = argparse.ArgumentParser(
        description='Draw the heatmaps or the branch weights of a network, or print its cost. '
        'KIND --help describes the options.')
    parser.add_argument('kind', choices=KINDS, metavar='KIND', help=', '.join(KINDS))
    parser.add_argument('arguments', nargs=argparse.REMAINDER, help='options of the kind')
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    args = parser.parse_args(argv)
    sys.argv = [f'{parser.prog} {args.kind}', *args.arguments]  # argparse names the program by it
    import_module(f'.{KINDS[args.kind]}', __package__).main()
