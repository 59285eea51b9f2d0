"""What the command-line tools share: their options, and what these do to a config."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch.distributed as dist
from mmengine.config import Config, DictAction
from mmengine.model import is_model_wrapper
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch import nn

from rsn_mm.checkpoints import CheckpointError
from rsn_mm.checkpoints.fitting import check_fit, read_parameters
from rsn_mm.datasets.annotation_files import explain_failure
from rsn_mm.datasets.checks import DataError
from rsn_mm.errors import CommandError
from rsn_mm.models.configs import model_config
from rsn_mm.models.ensemble import EnsembleError

from . import distributed
from .ensembles import is_ensemble

LAUNCHERS = ('none', *distributed.RANK_VARIABLES)
CHECK_DATA = 'rsn_mm.CheckDataHook'
VISUALIZATION = 'rsn_mm.PoseVisualizationHook'
#: Seconds that a window of --show stays, without --wait-time.
WAIT_TIME = 1.
#: The loops of a job, in the order in which mmengine builds their datasets.
LOOPS = dict(train=('train', 'val'), test=('test', ))


#: Errors whose message is for the user.
CLEAR_ERRORS = (CheckpointError, CommandError, DataError, EnsembleError)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Show what the user can mend as one message, by the first process alone."""
    try:
        yield
        distributed.leave()
    except CLEAR_ERRORS as error:
        first = os.environ.get('RANK', os.environ.get('SLURM_PROCID', '0')) == '0'
        sys.exit(f'{Path(sys.argv[0]).name}: error: {error}' if first else 1)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


# ---------------------------------------------------------------------------------------- options


def add_config_options(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """The config, or several, and what changes it."""
    if several:
        parser.add_argument('config', nargs='*', help='config files (default all of configs/)')
    else:
        parser.add_argument('config', help='config file')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={}, metavar='KEY=VALUE',
        help='change entries of the config, for example model.backbone.depth=18; lists as '
        'KEY=a,b or KEY="[(a,b),(c,d)]"')


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Options of training and testing."""
    add_config_options(parser)
    parser.add_argument('--work-dir', help='folder of logs, checkpoints and results; by default '
                        "the config's, or work_dirs/CONFIG")
    parser.add_argument('--show-dir', help='write pictures of the predictions into a folder here, '
                        'named by the time')
    parser.add_argument('--show', action='store_true', help='show the predictions in a window')
    parser.add_argument('--interval', type=int, help='draw every so manyth sample (default 1)')
    parser.add_argument('--wait-time', type=float, help='seconds that a window of --show stays '
                        f'(default {WAIT_TIME:g}); 0 waits for the space key')
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none',
                        help='what started the processes of a distributed run')
    # torch's launchers pass it under both names.
    parser.add_argument('--local_rank', '--local-rank', type=int, help=argparse.SUPPRESS)


# ----------------------------------------------------------------------------- options to configs


def load_config(path: str, cfg_options: dict) -> Config:
    """A config with ``--cfg-options`` merged into it.

    Raises:
        CommandError: If there is no such file.
    """
    if not os.path.isfile(path):
        raise CommandError(f'config {path} does not exist')
    cfg = Config.fromfile(path)
    # Before any other option, so that these see what is finally there.
    cfg.merge_from_dict(cfg_options)
    if 'model' in cfg and not is_ensemble(cfg):  # whose members have theirs
        cfg.model = model_config(cfg)
    return cfg


def load_run_config(args: argparse.Namespace) -> Config:
    """The config of a training or testing run, with the options of :func:`add_run_options`."""
    cfg = load_config(args.config, args.cfg_options)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('work_dirs', Path(args.config).stem)
    cfg.launcher = args.launcher
    if args.local_rank is not None:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    _set_visualization(cfg, args)
    hooks = list(cfg.get('custom_hooks') or [])
    if not any(hook.get('type') == CHECK_DATA for hook in hooks):
        cfg.custom_hooks = [*hooks, dict(type=CHECK_DATA)]
    return cfg


def _set_visualization(cfg: Config, args: argparse.Namespace) -> None:
    if args.wait_time is not None and not args.show:
        raise CommandError('--wait-time needs --show')
    if not args.show and args.show_dir is None:
        if args.interval is not None:
            raise CommandError('--interval needs --show or --show-dir')
        return
    if args.show:
        _require_display()
    hooks = cfg.setdefault('default_hooks', {})
    hook = {**hooks.get('visualization', {}), 'type': VISUALIZATION, 'enable': True,
            'show': args.show, 'interval': 1 if args.interval is None else args.interval}
    if hook['interval'] < 1:
        raise CommandError(f'--interval {args.interval}: expected 1 or more')
    if args.show:
        hook['wait_time'] = WAIT_TIME if args.wait_time is None else args.wait_time
    if args.show_dir is not None:
        hook['out_dir'] = args.show_dir
    hooks['visualization'] = hook


def _require_display() -> None:
    import matplotlib
    if matplotlib.get_backend().lower() in ('agg', 'cairo', 'pdf', 'pgf', 'ps', 'svg', 'template'):
        raise CommandError('--show: there is no display for a window (matplotlib uses '
                           f'{matplotlib.get_backend()}); use --show-dir')


# ------------------------------------------------------------------------------------ running it


def build_runner(cfg: Config) -> Runner:
    """The runner of a config, distributed over gloo where there is no GPU."""
    try:
        distributed.prepare(cfg)
    except ValueError as error:
        raise CommandError(str(error)) from error
    return Runner.from_cfg(cfg)


def run(runner: Runner, job: str) -> object:
    """``runner.train()`` or ``runner.test()``.

    Args:
        job: ``'train'`` or ``'test'``.

    Raises:
        CommandError: If an ensemble is to be trained.
        DataError: Also where a dataset could not be built and its files tell why.
    """
    if job == 'train' and is_ensemble(runner.cfg):
        raise CommandError('an ensemble is not trained: train its members, each with its config')
    try:
        return getattr(runner, job)()
    except CLEAR_ERRORS:
        raise
    except Exception as error:
        for loop in LOOPS[job]:
            # A loop that is still a config was not built.
            if isinstance(getattr(runner, f'_{loop}_loop'), dict):
                _explain(getattr(runner, f'_{loop}_dataloader')['dataset'], error)
        raise


def build_dataset(dataset_cfg: dict) -> object:
    """A dataset of a config, in the default scope.

    Raises:
        DataError: If it could not be built and its files tell why.
    """
    try:
        return DATASETS.build(dataset_cfg)
    except Exception as error:
        _explain(dataset_cfg, error)
        raise


def _explain(dataset_cfg: dict, error: Exception) -> None:
    explanation = explain_failure(dataset_cfg)
    if explanation is not None:
        raise DataError(explanation) from error


def check_fits(runner: Runner, path: str) -> None:
    """Refuse a checkpoint whose parameters are not those of the runner's model.

    Raises:
        CheckpointError: See :mod:`rsn_mm.checkpoints.fitting`.
    """
    check_fit(unwrapped(runner.model), read_parameters(path), path)


def unwrapped(model: nn.Module) -> nn.Module:
    """The model itself, where a run of several processes wraps it."""
    return model.module if is_model_wrapper(model) else model
