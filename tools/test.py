#!/usr/bin/env python
"""Evaluate a checkpoint or an ensemble, or write its results for an evaluation server."""

import argparse
import os
from pathlib import Path

from mmengine import dump
from mmengine.config import Config
from mmengine.dist import is_main_process

from rsn_mm.cli import common as cli
from rsn_mm.cli import ensembles
from rsn_mm.engine.optimize_hook import DTYPES
from rsn_mm.files import check_new_file

#: Where COCO's images without annotations lie, under data_root.
TEST_DEV = dict(
    ann_file='annotations/image_info_test-dev2017.json',
    data_prefix=dict(img='test2017/'),
    bbox_file='person_detection_results/COCO_test-dev2017_detections_AP_H_609_person.json')
DEFAULT_DTYPE = 'fp32'
#: The name COCO's server wants.
TEST_DEV_RESULTS = 'person_keypoints_test-dev2017_{}_results.json'
#: Metrics that can write a result file, by what takes their place to do so.
RESULT_METRICS = {'CocoMetric': 'rsn_mm.CocoMetric', 'mmpose.CocoMetric': 'rsn_mm.CocoMetric',
                  'rsn_mm.CocoMetric': 'rsn_mm.CocoMetric', 'rsn_mm.MpiiPCKh': 'rsn_mm.MpiiPCKh'}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Evaluate a checkpoint or an ensemble, or write its results for an evaluation '
        'server.')
    cli.add_run_options(parser)
    parser.add_argument('checkpoint', nargs='?',
                        help='checkpoint file or URL; none for an ensemble, whose config names '
                        'those of its members')
    parser.add_argument('--out', metavar='JSON', help='write the metrics here')
    parser.add_argument('--dump', metavar='PKL', help='write the predictions here')
    parser.add_argument(
        '--optimize', nargs='?', const=DEFAULT_DTYPE, metavar='{' + ','.join(DTYPES) + '}',
        help='test with the test-time form of the model, which predicts the same, faster; in '
        f'bfloat16 nearly the same (default {DEFAULT_DTYPE})')
    parser.add_argument('--detections', metavar='JSON', help='persons to test on, instead of the '
                        'bbox_file of the config, as tools/detect_persons.py writes them')
    parser.add_argument('--format-only', metavar='FILE', help='measure nothing, and write the '
                        "results here in the format of the dataset's evaluation server")
    parser.add_argument(
        '--test-dev', action='store_true',
        help=f'test on test-dev2017 of COCO ({TEST_DEV["ann_file"]} in data_root), and write '
        f'--format-only, by default {TEST_DEV_RESULTS.format("CONFIG")} in --work-dir')
    parser.add_argument(
        '--badcase', action='store_true',
        help='draw the predictions that are furthest from the annotations, by the settings of '
        'default_hooks.badcase, into a folder badcase of --work-dir')
    # An optional checkpoint may also stand behind options.
    args = parser.parse_intermixed_args()
    if args.optimize not in (None, *DTYPES):
        if args.checkpoint is not None:
            parser.error(f'--optimize {args.optimize}: expected {" or ".join(DTYPES)}')
        # argparse gives --optimize whatever is next to it.
        args.checkpoint, args.optimize = args.optimize, DEFAULT_DTYPE
    return args


def check_outputs(args: argparse.Namespace) -> None:
    for option, path, endings in (('--out', args.out, ('.json', )),
                                  ('--dump', args.dump, ('.pkl', '.pickle')),
                                  ('--format-only', args.format_only, ('.json', '.mat'))):
        if path is not None:
            ending = next(filter(path.endswith, endings), ' or '.join(endings))
            check_new_file(path, option, ending)
    if args.format_only is not None or args.test_dev:
        option = '--test-dev' if args.test_dev else '--format-only'
        for other in ('out', 'badcase'):
            if getattr(args, other):
                raise cli.CommandError(f'{option} measures nothing that --{other} could show')


def check_checkpoint(args: argparse.Namespace, cfg: Config) -> None:
    if ensembles.is_ensemble(cfg):
        if args.checkpoint is not None:
            raise cli.CommandError(f'checkpoint {args.checkpoint}: {args.config} is an ensemble, '
                                   'whose members have theirs; leave it out')
    elif args.checkpoint is None:
        raise cli.CommandError(f'{args.config} is no ensemble: name the checkpoint behind it')


def set_data(cfg: Config, args: argparse.Namespace) -> None:
    """Test on other images, or on other persons of them."""
    dataset = cfg.test_dataloader.dataset
    if (args.test_dev or args.detections) and (
            'ann_file' not in dataset or 'Mpii' in str(dataset.type)):
        option = '--test-dev' if args.test_dev else '--detections'
        raise cli.CommandError(f'{option}: the test data are a {dataset.type}, expected one data '
                               "set in COCO's format")
    if args.test_dev:
        root = dataset.get('data_root') or ''
        dataset.update(TEST_DEV, data_root=root,
                       bbox_file=os.path.join(root, TEST_DEV['bbox_file']))
    if args.detections is not None:
        dataset.bbox_file = args.detections
    if (args.test_dev or args.detections) and not os.path.isfile(dataset.bbox_file):
        raise cli.CommandError(f'detections {dataset.bbox_file} do not exist; '
                               'tools/detect_persons.py makes them, --detections names them')


def set_results(cfg: Config, args: argparse.Namespace) -> None:
    """Let the metric of the dataset write its results, and drop all others."""
    file = args.format_only
    if file is None:
        name = TEST_DEV_RESULTS.format(Path(args.config).stem)
        file = os.path.join(cfg.work_dir, name)
    metrics = cfg.test_evaluator
    metrics = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    able = [metric for metric in metrics if metric['type'] in RESULT_METRICS]
    if not able:
        raise cli.CommandError(
            f'--format-only: none of the metrics {", ".join(m["type"] for m in metrics)} of '
            f'test_evaluator writes results, expected one of {", ".join(RESULT_METRICS)}')
    metric = {**able[0], 'type': RESULT_METRICS[able[0]['type']], 'format_only': True,
              'result_file': file}
    if args.test_dev:
        dataset = cfg.test_dataloader.dataset
        metric['ann_file'] = os.path.join(dataset.data_root, dataset.ann_file)
    cfg.test_evaluator = [metric]


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


def prepare(args: argparse.Namespace) -> Config:
    """The config of the test that the options ask for."""
    check_outputs(args)
    cfg = cli.load_run_config(args)
    check_checkpoint(args, cfg)
    cfg.load_from = args.checkpoint
    cfg.resume = False
    set_data(cfg, args)
    if args.format_only is not None or args.test_dev:
        set_results(cfg, args)
    if args.badcase:
        set_badcase(cfg, args)
    if args.optimize is not None:
        cfg.custom_hooks = [*cfg.custom_hooks,
                            dict(type='rsn_mm.OptimizeHook', dtype=args.optimize)]
    if args.dump is not None:
        metrics = cfg.test_evaluator
        cfg.test_evaluator = [*(metrics if isinstance(metrics, (list, tuple)) else [metrics]),
                              dict(type='DumpResults', out_file_path=args.dump)]
    return cfg


def main() -> None:
    args = parse_args()
    with cli.clear_errors():
        cfg = prepare(args)
        runner = cli.build_runner(cfg)
        if ensembles.is_ensemble(cfg):
            ensemble = cli.unwrapped(runner.model)
            ensembles.check_members(cfg, ensemble)
            ensemble.load_checkpoints()
        else:
            cli.check_fits(runner, args.checkpoint)
        results = cli.run(runner, 'test')
        if args.out is not None and is_main_process():
            dump({name: float(value) for name, value in results.items()}, args.out, indent=2)


if __name__ == '__main__':
    main()
