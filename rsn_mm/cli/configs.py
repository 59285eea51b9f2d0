"""From a config file and the options of a command to the config that runs."""

import argparse
import os
from pathlib import Path

from mmengine.config import Config

from rsn_mm.configuration import check_names, check_values, read_config
from rsn_mm.errors import ChangeError, CommandError
from rsn_mm.models.configs import model_config

from .ensembles import is_ensemble
from .options import WAIT_TIME

VISUALIZATION = 'rsn_mm.PoseVisualizationHook'
#: What matplotlib draws with where there is no display.
BACKENDS_WITHOUT_WINDOW = ('agg', 'cairo', 'pdf', 'pgf', 'ps', 'svg', 'template')


def load_config(path: str | os.PathLike, cfg_options: dict) -> Config:
    """Load a config and apply ``--cfg-options`` to it.

    Raises:
        MissingFileError: If there is no such file.
        OptionError: If it cannot be read, or has a value that no run can use.
        CommandError: If one of the options has no effect.
    """
    # Before any other option is applied, so that these see the final entries.
    try:
        cfg = read_config(path, cfg_options)
    except ChangeError as error:
        raise CommandError(f'--cfg-options {error}') from error
    check_values(cfg)
    if 'model' in cfg and not is_ensemble(cfg):  # the members of an ensemble have configs
        cfg.model = model_config(cfg)
    return cfg


def load_run_config(args: argparse.Namespace) -> Config:
    """Load the config of a run and apply the options of :func:`.options.add_run_options`."""
    cfg = load_config(args.config, args.cfg_options)
    check_names(cfg)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('work_dirs', Path(args.config).stem)
    cfg.launcher = args.launcher
    if args.local_rank is not None:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    _set_visualization(cfg, args)
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
    if matplotlib.get_backend().lower() in BACKENDS_WITHOUT_WINDOW:
        raise CommandError('--show: there is no display for a window (matplotlib uses '
                           f'{matplotlib.get_backend()}); use --show-dir')
