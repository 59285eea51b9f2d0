"""Time training and prediction against MMPose, side by side."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from rsn_mm.errors import CommandError

from .running import run_command

REPOSITORY = Path(__file__).resolve().parents[2]


def build_parser() -> argparse.ArgumentParser:
    """The command line, which is that of ``python -m benchmarks`` in the repository."""
    return _module().build_parser()


def benchmark(args: argparse.Namespace) -> None:
    """Run the benchmark of the repository."""
    module = _module()
    sys.argv[1:] = args.arguments
    module.main()


def _module() -> ModuleType:
    if not (REPOSITORY / 'benchmarks').is_dir():
        raise CommandError('the benchmark is a part of the repository and not of the wheel: run '
                           'python -m benchmarks there')
    if str(REPOSITORY) not in sys.path:
        sys.path.insert(0, str(REPOSITORY))
    return import_module('benchmarks.__main__')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    run_command(benchmark, argparse.Namespace(arguments=arguments),
                os.path.basename(sys.argv[0]))
