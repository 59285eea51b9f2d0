"""Train a network."""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config

from rsn_mm.checkpoints import read
from rsn_mm.checkpoints.fitting import check_start
from rsn_mm.engine.screen_text import ScreenText
from rsn_mm.errors import CommandError
from rsn_mm.files import remove_parts
from rsn_mm.processes import locked

from .configs import load_run_config
from .distributed import exit_without_teardown, is_first_process
from .options import add_run_options
from .run_folder import (
    check_resumable,
    checkpoint_folder,
    is_complete,
    latest_checkpoint,
    refuse_to_overwrite,
)
from .running import build_runner, check_fits, run, run_command, unwrapped

PLAIN = 'OptimWrapper'
MIXED = 'rsn_mm.AmpOptimWrapper'
#: Wrappers that --amp and --no-amp can exchange, and the options that only some of them have.
WRAPPERS = (None, PLAIN, 'AmpOptimWrapper', MIXED)
AMP_OPTIONS = ('loss_scale', 'dtype', 'use_fsdp')


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description='Train a network.')
    add_run_options(parser)
    parser.add_argument(
        '--resume', nargs='?', const='auto', metavar='CHECKPOINT',
        help='go on from this checkpoint; without a path, from the newest one of --work-dir, or '
        'from the start if there is none')
    parser.add_argument(
        '--from', dest='weights', metavar='CHECKPOINT',
        help='begin with these weights, a file or web address, such as those of the demo; layers '
        'for another number of joints start anew')
    parser.add_argument(
        '--amp', action=argparse.BooleanOptionalAction,
        help='train in bfloat16 or in float32 (default: as the config says)')
    parser.add_argument('--no-validate', action='store_true',
                        help='do not evaluate during training')
    parser.add_argument(
        '--auto-scale-lr', action='store_true',
        help="scale the learning rate by the batch of all processes over the config's "
        'auto_scale_lr.base_batch_size')
    return parser


def set_amp(cfg: Config, amp: bool) -> None:
    """Exchange the optimizer wrapper, and drop the options that only the other one has."""
    wrapper = cfg.optim_wrapper
    if wrapper.get('type') not in WRAPPERS:
        raise CommandError(f'--{"amp" if amp else "no-amp"} cannot replace the optim_wrapper '
                           f'{wrapper.type!r} of the config, expected one of {WRAPPERS[1:]}')
    for name in AMP_OPTIONS:
        wrapper.pop(name, None)
    wrapper.type = MIXED if amp else PLAIN


def set_resume(cfg: Config, resume: str | None) -> None:
    """Set the checkpoint to go on from, and refuse to overwrite those of another run."""
    checkpoint: str | None = None
    if resume == 'auto' or (resume is None and cfg.get('resume') and not cfg.get('load_from')):
        latest = latest_checkpoint(cfg)
        checkpoint = None if latest is None else str(latest)
    elif resume is not None or cfg.get('resume'):
        checkpoint = str(resume or cfg.load_from)
        if '://' not in checkpoint and not os.path.isfile(checkpoint):
            raise CommandError(f'--resume: checkpoint {checkpoint} does not exist')
        if '://' not in checkpoint and not is_complete(checkpoint):
            raise CommandError(f'--resume: checkpoint {checkpoint} is not a complete checkpoint; '
                               '--resume without a path finds the newest complete one')
    cfg.resume = checkpoint is not None
    if checkpoint is not None:
        check_resumable(cfg, read(checkpoint), checkpoint)
        cfg.load_from = checkpoint
    problem = refuse_to_overwrite(cfg, None if checkpoint is None else Path(checkpoint))
    if problem is not None:
        raise CommandError(problem)


def configure(args: argparse.Namespace) -> Config:
    """The config of the training that the options ask for."""
    cfg = load_run_config(args)
    if args.amp is not None:
        set_amp(cfg, args.amp)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.auto_scale_lr:
        if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
            raise CommandError('--auto-scale-lr: the config has no auto_scale_lr.base_batch_size')
        cfg.auto_scale_lr.enable = True
    if args.weights is not None:
        if args.resume not in (None, 'auto'):
            raise CommandError(f'--from {args.weights} and --resume {args.resume} name two '
                               'checkpoints; use one of them')
        cfg.load_from = args.weights
        cfg.resume = False
    return cfg


def train(args: argparse.Namespace) -> None:
    """Train the network of a config."""
    cfg = configure(args)
    with own_folders(cfg):
        set_resume(cfg, args.resume)
        runner = build_runner(cfg, args.verbose)
        if cfg.resume:
            check_fits(runner, cfg.load_from)
        elif cfg.get('load_from'):
            reset = check_start(unwrapped(runner.model), cfg.load_from)
            if reset is not None:
                runner.logger.info(ScreenText(reset, reset))
        run(runner, 'train')
        exit_without_teardown()


@contextmanager
def own_folders(cfg: Config) -> Iterator[None]:
    """Hold the folders that a run writes to; in a distributed run, the first process does.

    Raises:
        BusyFolderError: If another training holds one of them.
    """
    if not is_first_process():
        yield
        return
    folders = (cfg.work_dir, checkpoint_folder(cfg))
    with locked(folders):
        for folder in folders:
            remove_parts(folder)
        yield


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(train, parser.parse_args(argv), parser.prog)
