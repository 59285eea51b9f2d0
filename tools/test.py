#!/usr/bin/env python
"""Evaluate a checkpoint."""

import argparse
import os

from mmengine import dump
from mmengine.config import Config
from mmengine.dist import is_main_process

from rsn_mm.engine import cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Evaluate a checkpoint.')
    cli.add_run_options(parser)
    parser.add_argument('checkpoint', help='checkpoint file or URL')
    parser.add_argument('--out', metavar='JSON', help='write the metrics here')
    parser.add_argument('--dump', metavar='PKL', help='write the predictions here')
    parser.add_argument(
        '--badcase', action='store_true',
        help='draw the predictions that are furthest from the annotations, by the settings of '
        'default_hooks.badcase, into a folder badcase of --work-dir')
    return parser.parse_args()


def check_outputs(args: argparse.Namespace) -> None:
    for option, path, endings in (('--out', args.out, ('.json', )),
                                  ('--dump', args.dump, ('.pkl', '.pickle'))):
        if path is None:
            continue
        if not path.endswith(endings):
            raise cli.CommandError(f'{option} {path}: expected a file ending with '
                                   f'{" or ".join(endings)}')
        if os.path.exists(path):
            raise cli.CommandError(f'{option} {path} is there already: remove it or choose another '
                                   'name')


def set_badcase(cfg: Config, args: argparse.Namespace) -> None:
    """Enable MMPose's hook; the squared distance in pixels decides what is bad."""
    if cfg.test_dataloader.dataset.get('bbox_file'):
        raise cli.CommandError('--badcase compares predictions with annotations, but the test data '
                               'are detections (bbox_file); set '
                               'test_dataloader.dataset.bbox_file=None with --cfg-options')
    if args.show_dir is None and args.show:
        raise cli.CommandError('--badcase writes pictures, and cannot --show them')
    hooks = cfg.setdefault('default_hooks', {})
    hook = {'type': 'BadCaseAnalysisHook', 'out_dir': 'badcase', **hooks.get('badcase', {})}
    hooks['badcase'] = {**hook, 'enable': True}


def main() -> None:
    args = parse_args()
    with cli.clear_errors():
        check_outputs(args)
        remote = '://' in args.checkpoint
        if not remote and not os.path.isfile(args.checkpoint):
            raise cli.CommandError(f'checkpoint {args.checkpoint} does not exist')
        cfg = cli.load_run_config(args)
        cfg.load_from = args.checkpoint
        cfg.resume = False
        if args.badcase:
            set_badcase(cfg, args)
        if args.dump is not None:
            metrics = cfg.test_evaluator
            cfg.test_evaluator = [*(metrics if isinstance(metrics, (list, tuple)) else [metrics]),
                                  dict(type='DumpResults', out_file_path=args.dump)]

        runner = cli.build_runner(cfg)
        if not remote:
            cli.check_fits(runner, args.checkpoint)
        results = cli.run(runner, 'test')
        if args.out is not None and is_main_process():
            dump({name: float(value) for name, value in results.items()}, args.out, indent=2)


if __name__ == '__main__':
    main()
