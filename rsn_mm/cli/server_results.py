"""Tests on other persons than the config's, and result files for evaluation servers."""

import argparse
import os
from pathlib import Path

from mmengine.config import Config

from rsn_mm.datasets.bbox_files import check_bbox_file
from rsn_mm.errors import CommandError

#: Where COCO's images without annotations lie, under data_root.
TEST_DEV = dict(
    ann_file='annotations/image_info_test-dev2017.json',
    data_prefix=dict(img='test2017/'),
    bbox_file='person_detection_results/COCO_test-dev2017_detections_AP_H_609_person.json')
#: The name that COCO's server expects.
TEST_DEV_RESULTS = 'person_keypoints_test-dev2017_{}_results.json'
#: Metrics that can write a result file, or stand-ins of ours that can, by the metric's name.
RESULT_METRICS = {'CocoMetric': 'rsn_mm.CocoMetric', 'mmpose.CocoMetric': 'rsn_mm.CocoMetric',
                  'rsn_mm.CocoMetric': 'rsn_mm.CocoMetric', 'rsn_mm.MpiiPCKh': 'rsn_mm.MpiiPCKh'}


def set_data(cfg: Config, args: argparse.Namespace) -> None:
    """Test on other images, or on other persons of the same images."""
    dataset = cfg.test_dataloader.dataset
    if (args.test_dev or args.detections) and (
            'ann_file' not in dataset or 'Mpii' in str(dataset.type)):
        option = '--test-dev' if args.test_dev else '--detections'
        raise CommandError(f'{option}: the test data are a {dataset.type}, expected one dataset '
                           "in COCO's format")
    if args.test_dev:
        root = dataset.get('data_root') or ''
        dataset.update(TEST_DEV, data_root=root,
                       bbox_file=os.path.join(root, str(TEST_DEV['bbox_file'])))
    if args.detections is not None:
        dataset.bbox_file = args.detections
    check_bbox_file(dataset)
    if (args.test_dev or args.detections) and not os.path.isfile(dataset.bbox_file):
        raise CommandError(f'detections {dataset.bbox_file} do not exist; '
                           'tools/detect_persons.py makes them, --detections names them')


def set_results(cfg: Config, args: argparse.Namespace) -> None:
    """Let the metric of the dataset write its results, and drop all others."""
    file = args.format_only
    if file is None:
        file = os.path.join(cfg.work_dir, TEST_DEV_RESULTS.format(Path(args.config).stem))
    metrics = cfg.test_evaluator
    metrics = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    able = [metric for metric in metrics if metric['type'] in RESULT_METRICS]
    if not able:
        raise CommandError(
            f'--format-only: none of the metrics {", ".join(m["type"] for m in metrics)} of '
            f'test_evaluator writes results, expected one of {", ".join(RESULT_METRICS)}')
    metric = {**able[0], 'type': RESULT_METRICS[able[0]['type']], 'format_only': True,
              'result_file': file}
    if args.test_dev:
        dataset = cfg.test_dataloader.dataset
        metric['ann_file'] = os.path.join(dataset.data_root, dataset.ann_file)
    cfg.test_evaluator = [metric]
