"""``rsn-mm COMMAND ...``: every command under one name."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

PROGRAM = 'rsn-mm'
#: Commands, each by one word that says what it does or shows, and their modules, which are named as
#: the files of tools/. These names are accepted too.
COMMANDS = {
    'train': 'train',
    'test': 'test',
    'predict': 'predict',
    'analyze': 'analyze',
    'benchmark': 'benchmark',
    'browse': 'browse_dataset',
    'compare': 'compare',
    'config': 'print_config',
    'convert': 'convert_checkpoint',
    'dataset': 'dataset',
    'detect': 'detect_persons',
    'export': 'export',
    'flops': 'get_flops',
    'heatmaps': 'plot_heatmaps',
    'models': 'models',
    'quantize': 'quantize',
    'run': 'run',
    'synthesize': 'make_synthetic',
    'weights': 'plot_branch_weights',
}


def build_parser() -> argparse.ArgumentParser:
    """The command line up to the command's own options."""
    width = max(map(len, COMMANDS))
    commands = '\n'.join(f'  {name:{width}}  {str(_module(module).__doc__).splitlines()[0]}'
                         for name, module in COMMANDS.items())
    parser = argparse.ArgumentParser(
        PROGRAM, formatter_class=argparse.RawDescriptionHelpFormatter,
        description='RSN and MSPN for multi-person pose estimation.\n\ncommands:\n' + commands,
        epilog=f'{PROGRAM} COMMAND --help describes the options of a command.')
    parser.add_argument('command', choices=COMMANDS, metavar='COMMAND')
    return parser


def module_of(command: str) -> str | None:
    """The name of a command's module, which is that of its file in tools/."""
    name = command.replace('-', '_')
    return COMMANDS.get(command) or (name if name in COMMANDS.values() else None)


def _module(name: str) -> ModuleType:
    return import_module(f'.{name}', __package__)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command that the first argument names, with the arguments behind it."""
    argv = list(sys.argv[1:] if argv is None else argv)
    name = module_of(argv[0]) if argv else None
    if name is None:
        build_parser().parse_args(argv[:1] or ['--help'])  # ends the program
        return
    sys.argv = [f'{PROGRAM} {argv[0]}', *argv[1:]]  # argparse names the program by it
    _module(name).main()


if __name__ == '__main__':
    main()
