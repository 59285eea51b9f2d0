#!/usr/bin/env python
"""Train a small RSN on generated people, evaluate it and draw what it predicts.

Everything goes to work_dirs/demo. A repeated run makes only what is missing there, and resumes an
interrupted training from its last checkpoint. `--fresh` starts over in a new folder.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

# Before MMPose, whose imports it mends.
import rsn_mm  # noqa: F401

# isort: split
import matplotlib
import mmcv
import mmengine
import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer
from rich.console import Console
from rich.table import Table

from rsn_mm.cli.screen import ignore_mmpose_metainfo_warning
from rsn_mm.prediction.drawing import SCORE_THRESHOLD_OF_OUR_HEAD
from rsn_mm.processors import has_bfloat16
from rsn_mm.synthetic import SyntheticCocoDataset

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs' / 'rsn' / 'rsn18_synthetic-128x96.py'
PICTURES = 12
COLUMNS = 4

console = Console()


def run_tool(tool: str, *arguments: str | Path) -> None:
    command = [sys.executable, str(ROOT / 'tools' / tool), *map(str, arguments)]
    code = subprocess.run(command, cwd=ROOT).returncode
    if code:
        sys.exit(code)


def bfloat16_is_fast() -> bool:
    """Whether this machine multiplies in bfloat16 in hardware."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return has_bfloat16()


def train(work_dir: Path, max_epochs: int) -> Path:
    """The last checkpoint, trained unless it is there."""
    checkpoint = work_dir / f'epoch_{max_epochs}.pth'
    if checkpoint.is_file():
        console.print(f'[bold]Trained already:[/] {checkpoint}')
    else:
        console.rule('Training')
        run_tool('train.py', CONFIG, '--work-dir', work_dir, '--resume',
                 '--amp' if bfloat16_is_fast() else '--no-amp')
    return checkpoint


def evaluate(work_dir: Path, checkpoint: Path) -> tuple[dict[str, float], list[dict]]:
    """Metrics and predictions of a checkpoint on the held-out images."""
    metrics, predictions = work_dir / 'metrics.json', work_dir / 'predictions.pkl'
    if not (metrics.is_file() and predictions.is_file()):
        console.rule('Evaluation')
        for leftover in (metrics, predictions):
            leftover.unlink(missing_ok=True)
        run_tool('test.py', CONFIG, checkpoint, '--work-dir', work_dir, '--out', metrics,
                 '--dump', predictions)
    return mmengine.load(metrics), mmengine.load(predictions)


def draw_predictions(predictions: list[dict], path: Path) -> None:
    """A sheet of held-out images with everybody's predicted joints."""
    people = defaultdict(list)
    for prediction in predictions:
        people[prediction['img_path']].append(prediction['pred_instances'])
    visualizer = PoseLocalVisualizer(radius=3, line_width=2, bbox_color=None)
    visualizer.set_dataset_meta(SyntheticCocoDataset(lazy_init=True).metainfo)
    # The fullest images first: they are the hard ones.
    chosen = sorted(people, key=lambda image: (-len(people[image]), image))[:PICTURES]
    tiles = []
    for image in chosen:
        sample = PoseDataSample()
        sample.pred_instances = InstanceData(**{
            key: np.concatenate([p[key] for p in people[image]])
            for key in ('keypoints', 'keypoint_scores', 'keypoints_visible', 'bboxes')})
        tiles.append(visualizer.add_datasample(
            'demo', read_rgb(image), sample, draw_gt=False, draw_bbox=False,
            kpt_thr=SCORE_THRESHOLD_OF_OUR_HEAD))
    rows = [np.hstack(tiles[i:i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    plt.imsave(path, np.vstack([row for row in rows if row.shape == rows[0].shape]))


def read_rgb(path: str) -> np.ndarray:
    """An image in RGB, (H, W, 3) uint8."""
    return mmcv.imread(path, channel_order='rgb')


def draw_curve(work_dir: Path, path: Path) -> None:
    """Loss of every logged iteration and AP of every evaluation, over all runs of the folder."""
    logs = sorted(work_dir.glob('*/vis_data/*.json'))
    lines = [json.loads(line) for log in logs if log.name == 'scalars.json'
             for line in log.read_text().splitlines()]
    losses = {line['step']: line['loss'] for line in lines if 'loss' in line}
    steps_per_epoch = max(losses) / max(line['epoch'] for line in lines if 'loss' in line)
    scores = {line['step'] * steps_per_epoch: line['coco/AP'] for line in lines
              if 'coco/AP' in line and line['step'] > 0}
    figure, loss_axis = plt.subplots(figsize=(7, 4), layout='constrained')
    loss_axis.plot(*zip(*sorted(losses.items())), color='tab:blue')
    loss_axis.set(xlabel='iteration', ylim=(0, None))
    loss_axis.set_ylabel('loss', color='tab:blue')
    score_axis = loss_axis.twinx()
    score_axis.plot(*zip(*sorted(scores.items())), 'o-', color='tab:red')
    score_axis.set(ylim=(0, 1))
    score_axis.set_ylabel('AP on held-out images', color='tab:red')
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--fresh', action='store_true', help='train again, in a new folder')
    args = parser.parse_args()
    ignore_mmpose_metainfo_warning()
    work_dir = ROOT / 'work_dirs' / 'demo'
    if args.fresh:
        work_dir = work_dir.with_name(time.strftime('demo_%Y%m%d_%H%M%S'))
    work_dir.mkdir(parents=True, exist_ok=True)

    cfg = Config.fromfile(CONFIG)
    made_with = work_dir / 'made_with.py'
    if made_with.is_file() and made_with.read_text() != cfg.pretty_text:
        sys.exit(f'{work_dir} was made with another version of {CONFIG.name}; '
                 'run demo/run_demo.py --fresh, or remove it')
    made_with.write_text(cfg.pretty_text)

    checkpoint = train(work_dir, cfg.train_cfg.max_epochs)
    metrics, predictions = evaluate(work_dir, checkpoint)
    draw_predictions(predictions, work_dir / 'predictions.png')
    draw_curve(work_dir, work_dir / 'curve.png')

    table = Table(title='RSN-18 on held-out generated images')
    table.add_column('metric')
    table.add_column('value', justify='right')
    for name, value in metrics.items():
        table.add_row(name, f'{value:.3f}')
    console.print(table)
    for name in ('predictions.png', 'curve.png', checkpoint.name):
        console.print(f'{(work_dir / name).relative_to(ROOT)}')


if __name__ == '__main__':
    main()
