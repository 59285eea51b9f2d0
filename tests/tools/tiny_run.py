"""A run of seconds: 16 drawn images of a bright box with joints, and a small network."""

import json
import os
import runpy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from tests import golden
from tests.forks import Fork

ROOT = Path(__file__).parents[2]
NUM_JOINTS = 17

CONFIG = '''
custom_imports = dict(imports=['rsn_mm'])
default_scope = 'mmpose'
codec = dict(type='rsn_mm.RSNHeatmap', input_size=(48, 64), heatmap_size=(12, 16))
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(type='PoseDataPreprocessor', mean=[128.] * 3, std=[64.] * 3),
    backbone=dict(type='rsn_mm.RSN', depth=18, num_blocks=(1, 1, 1, 1), unit_channels=16,
                  unit=dict(type='rsb', num_branches=2, branch_width=4)),
    head=dict(type='rsn_mm.MultiStageRSNHead', num_stages=1, unit_channels=16, out_channels=17,
              decoder=codec),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))
affine = dict(type='TopdownAffine', input_size=codec['input_size'])
train_pipeline = [
    dict(type='rsn_mm.LoadVisibility'),
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    affine,
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadImage'), dict(type='GetBBoxCenterScale'), affine, dict(type='PackPoseInputs')]
dataset = dict(type='CocoDataset', data_root=DATA_ROOT, ann_file='persons.json')
train_dataloader = dict(
    batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    batch_size=4, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(pipeline=val_pipeline, test_mode=True, **dataset))
test_dataloader = val_dataloader
val_evaluator = [dict(type='CocoMetric', ann_file=DATA_ROOT + '/persons.json'), dict(type='EPE')]
test_evaluator = val_evaluator
train_cfg = dict(by_epoch=True, max_epochs=3, val_interval=3)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3))
auto_scale_lr = dict(base_batch_size=2)
log_processor = dict(type='rsn_mm.LogProcessor')
default_hooks = dict(
    summary=dict(type='rsn_mm.RunSummaryHook'),
    logger=dict(type='LoggerHook', interval=1),
    checkpoint=dict(type='rsn_mm.CheckpointHook', interval=1, max_keep_ckpts=1),
    visualization=dict(type='PoseVisualizationHook', enable=False))
custom_hooks = [dict(type='rsn_mm.CheckDataHook')]
visualizer = dict(type='PoseLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')])
randomness = dict(seed=0)
env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=1))
'''


def draw_persons(folder: Path, num_images: int = 16) -> dict:
    """Images with a bright box each, whose joints lie on a grid; returns COCO's annotations."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for i in range(1, num_images + 1):
        image = rng.integers(0, 60, (80, 100, 3), dtype=np.uint8)
        x, y = int(rng.integers(5, 40)), int(rng.integers(5, 20))
        image[y:y + 50, x:x + 36] = (180, 200, 220)
        cv2.imwrite(str(folder / f'{i:03d}.png'), image)
        joints = [(x + 4 + 7 * (k % 5), y + 5 + 11 * (k // 5), 2 - k % 3 // 2)
                  for k in range(NUM_JOINTS)]
        images.append(dict(id=i, file_name=f'{i:03d}.png', width=100, height=80))
        annotations.append(dict(
            id=100 + i, image_id=i, category_id=1, iscrowd=0, area=1800., bbox=[x, y, 36, 50],
            num_keypoints=NUM_JOINTS, keypoints=[float(v) for joint in joints for v in joint]))
    return dict(images=images, annotations=annotations,
                categories=[dict(id=1, name='person', skeleton=[],
                                 keypoints=[str(k) for k in range(NUM_JOINTS)])])


def write_run(folder: Path) -> Path:
    """Draw the dataset and write the config of a run on it; returns the config's path."""
    (folder / 'persons.json').write_text(json.dumps(draw_persons(folder)))
    config = folder / 'tiny.py'
    config.write_text(CONFIG.replace('DATA_ROOT', repr(str(folder))))
    return config


def write_weights(config: Path) -> Path:
    """Write a checkpoint of fixed weights beside a config; returns the checkpoint's path."""
    init_default_scope('mmpose')
    model = golden.fill(MODELS.build(Config.fromfile(config).model))
    checkpoint = config.with_suffix('.pth')
    torch.save(dict(state_dict=model.state_dict(), meta={}), checkpoint)
    return checkpoint


def environment() -> dict:
    """One thread, no GPU, and the package of this checkout."""
    return {**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': '-1',
            'PYTHONPATH': str(ROOT), 'PYTHON': sys.executable}


def call(tool: str, *args: object) -> str | int | None:
    """Run a tool, or a Python file of the repository, in this process; returns its exit."""
    path = str(ROOT / (tool if '/' in tool else f'tools/{tool}'))
    with mock.patch.object(sys, 'argv', [path, *map(str, args)]), \
            mock.patch.object(sys, 'path', [os.path.dirname(path), *sys.path]):
        try:
            runpy.run_path(path, run_name='__main__')
        except SystemExit as exit_:
            return exit_.code
    return None


def fork(tool: str, *args: object, cwd: Path, **env: str) -> Fork:
    """Start a tool in a process of its own (``tests/forks.py``); both outputs are in ``stdout``."""
    return Fork(ROOT / 'tools' / tool, *args, cwd=cwd, env={**environment(), **env})


def fork_two(tool: str, *args: object, cwd: Path, port: int) -> str:
    """Run a tool in two processes, as ``torchrun`` would start them; returns what the first says.

    Raises:
        AssertionError: If one of them fails.
    """
    processes = [
        fork(tool, *args, '--launcher', 'pytorch', cwd=cwd, RANK=str(rank), LOCAL_RANK=str(rank),
             WORLD_SIZE='2', LOCAL_WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
        for rank in range(2)]
    with processes[0], processes[1], ThreadPoolExecutor() as pool:
        outputs = list(pool.map(lambda process: process.stdout.read(), processes))
    assert [process.returncode for process in processes] == [0, 0], '\n'.join(outputs)
    return outputs[0]


def spawn(*command: object, cwd: Path, **env: str) -> subprocess.Popen:
    """Start a command; both outputs are in ``stdout``."""
    return subprocess.Popen(list(map(str, command)), cwd=cwd, env={**environment(), **env},
                            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
