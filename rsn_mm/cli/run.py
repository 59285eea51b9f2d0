"""Run a script of MMPose or mmdet, or one of your own, on the stack that rsn_mm patches."""

import argparse
import os
import runpy
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rsn_mm.errors import CommandError, MissingFileError

from .running import run_command

#: Between a package and the path of a script that it ships, as mmengine has it for configs.
SEPARATOR = '::'


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Run a Python script after `import rsn_mm`, so that it finds our classes, and "
        'the patches of what is broken in the installed packages. Scripts that MMPose and mmdet '
        'ship are named by their package, such as mmpose::demo/image_demo.py.')
    parser.add_argument('script', help='a file, or PACKAGE::PATH for a script in the folder .mim '
                        'of a package')
    parser.add_argument('arguments', nargs=argparse.REMAINDER, help='what the script gets')
    return parser


def find_script(name: str) -> Path:
    """The file of a script.

    Raises:
        CommandError: If the package is not installed.
        MissingFileError: If there is no such file.
    """
    package, separator, path = name.partition(SEPARATOR)
    script = Path(name)
    if separator:
        spec = find_spec(package) if package.isidentifier() else None
        if spec is None or spec.origin is None:
            raise CommandError(f'{name}: the package {package} is not installed')
        script = Path(spec.origin).parent / '.mim' / path
    if not script.is_file():
        raise MissingFileError(f'script {script} does not exist')
    return script


def run(args: argparse.Namespace) -> None:
    """Run the script of the options as Python would."""
    script = str(find_script(args.script))
    sys.argv = [script, *args.arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    runpy.run_path(script, run_name='__main__')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(run, parser.parse_args(argv), parser.prog)
