"""The options that several commands share."""

import argparse
from typing import Any

from mmengine.config import DictAction

from .distributed import LAUNCHERS

#: Seconds that a window of --show stays open, without --wait-time.
WAIT_TIME = 1.


class ConfigOptions(DictAction):
    """mmengine's action, which reports what it cannot parse in the way of argparse."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace,
                 values: Any, option_string: str | None = None) -> None:
        for value in values:
            if not value.partition('=')[0].strip() or '=' not in value:
                parser.error(f'{option_string} {value}: expected KEY=VALUE')
        try:
            super().__call__(parser, namespace, values, option_string)
        except AssertionError as error:  # unbalanced brackets
            parser.error(f'{option_string} {" ".join(values)}: {error}')


def add_config_options(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """Add the config, or several, and what changes it."""
    if several:
        parser.add_argument('config', nargs='*', help='config files, or names of configs that come '
                            'with rsn_mm (default: all of these)')
    else:
        parser.add_argument('config', help='config file, or the name of a config that comes with '
                            'rsn_mm, such as rsn18_coco-256x192')
    parser.add_argument(
        '--cfg-options', nargs='+', action=ConfigOptions, default={}, metavar='KEY=VALUE',
        help='change entries of the config, for example model.backbone.depth=18; write lists as '
        'KEY=a,b or KEY="[(a,b),(c,d)]"')


def add_force_option(parser: argparse.ArgumentParser, what: str = 'the file to write') -> None:
    """Add the permission to write over files."""
    parser.add_argument('--force', action='store_true', help=f'overwrite {what} if it exists')


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of training and testing."""
    add_config_options(parser)
    parser.add_argument('--work-dir', help='folder of logs, checkpoints and results (default: '
                        "the config's work_dir, or else work_dirs/CONFIG)")
    parser.add_argument('--show-dir', metavar='DIR', help='write pictures of the predictions into '
                        'DIR in the folder of the run, WORK_DIR/TIME; if DIR is absolute, into '
                        'DIR/TIME')
    parser.add_argument('--show', action='store_true', help='show the predictions in a window')
    parser.add_argument('--interval', type=int, help='draw every N-th sample (default 1)',
                        metavar='N')
    parser.add_argument('--wait-time', type=float, metavar='SECONDS', help='how long a window of '
                        f'--show stays open (default {WAIT_TIME:g}); 0 waits for the space key')
    parser.add_argument('--verbose', action='store_true',
                        help='show the whole log on the screen, not only in the log file; '
                        'a debugger needs this')
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none',
                        help='what started the processes of a distributed run')
    # torch's launchers pass it under both names.
    parser.add_argument('--local_rank', '--local-rank', type=int, help=argparse.SUPPRESS)
