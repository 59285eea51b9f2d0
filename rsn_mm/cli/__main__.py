"""``rsn-mm COMMAND ...``: every command under one name."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

PROGRAM = 'rsn-mm'
#: Names of commands; each is a module of this package, with underscores for the hyphens.
COMMANDS = ('train', 'test', 'predict', 'browse-dataset', 'compare', 'convert-checkpoint',
            'dataset', 'detect-persons', 'export', 'get-flops', 'make-synthetic',
            'plot-branch-weights', 'plot-heatmaps', 'print-config')


def build_parser() -> argparse.ArgumentParser:
    """The command line up to the command's own options."""
    width = max(map(len, COMMANDS))
    commands = '\n'.join(f'  {name:{width}}  {str(_module(name).__doc__).splitlines()[0]}'
                         for name in COMMANDS)
    parser = argparse.ArgumentParser(
        PROGRAM, formatter_class=argparse.RawDescriptionHelpFormatter,
        description='RSN and MSPN for multi-person pose estimation.\n\ncommands:\n' + commands,
        epilog=f'{PROGRAM} COMMAND --help describes the options of a command.')
    parser.add_argument('command', choices=COMMANDS, metavar='COMMAND')
    return parser


def _module(command: str) -> ModuleType:
    return import_module(f'.{command.replace("-", "_")}', __package__)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command that the first argument names, with the arguments behind it."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] not in COMMANDS:
        build_parser().parse_args(argv[:1] or ['--help'])  # ends the program
    sys.argv = [f'{PROGRAM} {argv[0]}', *argv[1:]]  # argparse names the program by it
    _module(argv[0]).main()


if __name__ == '__main__':
    main()
