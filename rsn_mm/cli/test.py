"""Evaluate a checkpoint or an ensemble, or write its results for an evaluation server."""

import argparse
import json
from collections.abc import Sequence

from mmengine.config import Config
from mmengine.dist import is_main_process

from rsn_mm.errors import CommandError, ExistingFileError
from rsn_mm.files import check_new_file, written_whole
from rsn_mm.optimization.estimator import DTYPES

from .configs import load_run_config
from .distributed import exit_without_teardown
from .ensembles import check_members, is_ensemble
from .options import add_force_option, add_run_options
from .running import build_runner, check_fits, run, run_command, unwrapped
from .server_results import TEST_DEV, TEST_DEV_RESULTS, set_data, set_results

DEFAULT_DTYPE = 'fp32'


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Evaluate a checkpoint or an ensemble, or write its results for an evaluation '
        'server.')
    add_run_options(parser)
    parser.add_argument('checkpoint', nargs='?',
                        help='checkpoint file or URL; none for an ensemble, whose config names '
                        'those of its members')
    parser.add_argument('--out', metavar='JSON', help='write the metrics to this file')
    parser.add_argument('--dump', metavar='PKL', help='write the predictions to this file')
    add_force_option(parser, 'the file of --out or --dump')
    parser.add_argument(
        '--optimize', nargs='?', const=DEFAULT_DTYPE, metavar='{' + ','.join(DTYPES) + '}',
        help='test the model in its test-time form, which predicts the same, faster; in bfloat16 '
        f'nearly the same (default {DEFAULT_DTYPE})')
    parser.add_argument('--detections', metavar='JSON', help='test on the persons of this file, as '
                        'tools/detect_persons.py writes it, instead of the bbox_file of the config')
    parser.add_argument('--format-only', metavar='FILE', help='write the results to this file, in '
                        "the format of the dataset's evaluation server, and measure nothing")
    parser.add_argument(
        '--test-dev', action='store_true',
        help=f'test on test-dev2017 of COCO ({TEST_DEV["ann_file"]} in data_root), and write the '
        f'results as --format-only does, by default to {TEST_DEV_RESULTS.format("CONFIG")} in '
        '--work-dir')
    parser.add_argument(
        '--badcase', action='store_true',
        help='draw the predictions that are furthest from the annotations, by the settings of '
        'default_hooks.badcase, into a folder badcase of the run')
    return parser


def parse_args(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; the checkpoint may also stand behind options."""
    args = parser.parse_intermixed_args(argv)
    if args.optimize not in (None, *DTYPES):
        if args.checkpoint is not None:
            parser.error(f'--optimize {args.optimize}: expected {" or ".join(DTYPES)}')
        # argparse gives --optimize whatever is next to it.
        args.checkpoint, args.optimize = args.optimize, DEFAULT_DTYPE
    return args


def check_outputs(args: argparse.Namespace) -> None:
    """Refuse files that cannot be written, and options that would show nothing."""
    for option, path, endings in (('--out', args.out, ('.json', )),
                                  ('--dump', args.dump, ('.pkl', '.pickle')),
                                  ('--format-only', args.format_only, ('.json', '.mat'))):
        if path is not None:
            ending = next(filter(path.endswith, endings), ' or '.join(endings))
            # The metrics write --format-only, and never over a file.
            overwrite = args.force and option != '--format-only'
            try:
                check_new_file(path, option, ending, overwrite)
            except ExistingFileError as error:
                # A hint at --force would be wrong for --format-only.
                raise CommandError(str(error) if option == '--format-only' else
                                   f'{error}; --force overwrites it') from error
    if args.format_only is not None or args.test_dev:
        option = '--test-dev' if args.test_dev else '--format-only'
        for other in ('out', 'badcase'):
            if getattr(args, other):
                raise CommandError(f'{option} measures nothing that --{other} could show')


def check_checkpoint(args: argparse.Namespace, cfg: Config) -> None:
    """Require a checkpoint, except of an ensemble."""
    if is_ensemble(cfg):
        if args.checkpoint is not None:
            raise CommandError(f'checkpoint {args.checkpoint}: {args.config} is an ensemble, '
                               'whose members have theirs; leave it out')
    elif args.checkpoint is None:
        raise CommandError(f'{args.config} is no ensemble: name the checkpoint behind it')


def set_badcase(cfg: Config, args: argparse.Namespace) -> None:
    """Enable MMPose's hook; the squared distance in pixels decides what is bad."""
    if cfg.test_dataloader.dataset.get('bbox_file'):
        raise CommandError('--badcase compares predictions with annotations, but the test data '
                           'are detections (bbox_file); set '
                           'test_dataloader.dataset.bbox_file=None with --cfg-options')
    if args.show_dir is None and args.show:
        raise CommandError('--badcase writes pictures, and cannot --show them')
    hooks = cfg.setdefault('default_hooks', {})
    hook = {'type': 'BadCaseAnalysisHook', 'out_dir': 'badcase', **hooks.get('badcase', {})}
    hooks['badcase'] = {**hook, 'enable': True}


def configure(args: argparse.Namespace) -> Config:
    """The config of the test that the options ask for."""
    check_outputs(args)
    cfg = load_run_config(args)
    check_checkpoint(args, cfg)
    cfg.load_from = args.checkpoint
    cfg.resume = False
    set_data(cfg, args)
    if args.format_only is not None or args.test_dev:
        set_results(cfg, args)
    if args.badcase:
        set_badcase(cfg, args)
    if args.optimize is not None:
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []),
                            dict(type='rsn_mm.OptimizeHook', dtype=args.optimize)]
    if args.dump is not None:
        metrics = cfg.test_evaluator
        cfg.test_evaluator = [*(metrics if isinstance(metrics, (list, tuple)) else [metrics]),
                              dict(type='rsn_mm.DumpResults', out_file_path=args.dump)]
    return cfg


def test(args: argparse.Namespace) -> None:
    """Test a checkpoint or an ensemble."""
    cfg = configure(args)
    runner = build_runner(cfg, args.verbose)
    if is_ensemble(cfg):
        ensemble = unwrapped(runner.model)
        check_members(cfg, ensemble)
        ensemble.load_checkpoints()
    else:
        check_fits(runner, args.checkpoint)
    results = run(runner, 'test')
    if args.out is not None and is_main_process():
        scores = {name: float(value) for name, value in results.items()}
        with written_whole(args.out) as file:
            file.write(json.dumps(scores, indent=2).encode())
    exit_without_teardown()


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(test, parse_args(parser, argv), parser.prog)
