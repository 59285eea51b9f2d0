"""Data loading and evaluation of photographs, with MMPose and with this package."""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Dataset

from rsn_mm.apis import optimize

from . import networks
from .machine import forms_on
from .networks import MMPOSE_CONFIGS, Case
from .timing import REFERENCE

MMPOSE_RSN = 'topdown_heatmap/coco/td-hm_rsn18_8xb32-210e_coco-256x192.py'
#: Number of samples in a race between loaders.
LOADED_SAMPLES = 64
BATCH_SIZE = 32
WORKERS = 2


@dataclass
class Side:
    """One contestant's training data."""

    dataset: Dataset
    count: int

    def read(self) -> None:
        """Read ``count`` samples in batches, in this process."""
        for i, _ in enumerate(DataLoader(self.dataset, BATCH_SIZE, collate_fn=pseudo_collate)):
            if (i + 1) * BATCH_SIZE >= self.count:
                break

    def sample_bytes(self) -> int:
        """Bytes of the tensors and arrays of one sample."""
        return _bytes(self.dataset[0])


def _bytes(value: object) -> int:
    if hasattr(value, 'nbytes'):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(map(_bytes, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_bytes, value))
    if hasattr(value, 'all_items'):  # data samples
        return sum(_bytes(item) for _, item in value.all_items())
    return 0


def batch_times(side: Side) -> dict[str, float]:
    """Seconds to collate a batch, and seconds until worker processes deliver their first batch."""
    samples = [side.dataset[i % len(side.dataset)] for i in range(BATCH_SIZE)]
    start = time.perf_counter()
    pseudo_collate(samples)
    collated = time.perf_counter()
    next(iter(DataLoader(side.dataset, BATCH_SIZE, collate_fn=pseudo_collate, num_workers=WORKERS)))
    return {f'collate {BATCH_SIZE} samples': collated - start,
            f'first batch of {WORKERS} workers': time.perf_counter() - collated}


def loaders(data_config: str, recipe: str, size_wh: tuple[int, int]) -> dict[str, Side]:
    """MMPose's training pipeline and that of ``recipe``, on the test data of ``data_config``."""
    cfg = _load(data_config)
    case = Case(size_wh=size_wh, joints=cfg.model.head.out_channels)
    targets = networks.target_transforms(case)
    pipelines = {
        REFERENCE: Config.fromfile(MMPOSE_CONFIGS / MMPOSE_RSN).train_pipeline,
        'ours': Config.fromfile(recipe).train_pipeline,
    }
    sides = {}
    for name, pipeline in pipelines.items():
        pipeline = [dict(step) for step in pipeline]
        for i, step in enumerate(pipeline):
            if step['type'] == 'TopdownAffine':
                step['input_size'] = size_wh
            elif step['type'] == 'GenerateTarget':
                pipeline[i] = targets[name]
        dataset = DATASETS.build(dict(
            cfg.test_dataloader.dataset, pipeline=pipeline, test_mode=False, bbox_file=None))
        sides[name] = Side(dataset, min(LOADED_SAMPLES, len(dataset)))
    return sides


def times_by_transform(side: Side) -> dict[str, float]:
    """Seconds per sample of each transform."""
    seconds: dict[str, float] = defaultdict(float)
    for i in range(side.count):
        results = side.dataset.get_data_info(i)
        for transform in side.dataset.pipeline.transforms:
            start = time.perf_counter()
            results = transform(results)
            seconds[type(transform).__name__] += (time.perf_counter() - start) / side.count
    return dict(seconds)


def evaluation_runners(data_config: str, device: torch.device,
                       work_dir: str) -> tuple[Case, dict[str, Runner], int]:
    """Runners for MMPose's RSN-18 and for our optimized one, with the same weights and boxes."""
    cfg = _load(data_config)
    case = Case(joints=cfg.model.head.out_channels)
    theirs, mine = networks.build_pair(case, device)
    models = {REFERENCE: theirs, **{f'optimized {name}': optimize(mine, dtype=dtype)
                                    for name, dtype in forms_on(device).items()}}
    pipeline = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale'),
                dict(type='TopdownAffine', input_size=case.size_wh), dict(type='PackPoseInputs')]
    runners = {}
    for name, model in models.items():
        run_cfg = cfg.copy()
        run_cfg.test_dataloader.dataset.pipeline = pipeline
        run_cfg.test_dataloader.update(batch_size=BATCH_SIZE)
        run_cfg.work_dir = work_dir
        run_cfg.experiment_name = f'benchmark-{len(runners)}'
        run_cfg.log_level = 'ERROR'
        run_cfg.model = networks.our_model(case)
        runner = Runner.from_cfg(Config(dict(
            {key: run_cfg[key] for key in ('test_dataloader', 'test_evaluator', 'test_cfg',
                                           'work_dir', 'experiment_name', 'log_level', 'model')},
            default_scope='mmpose', visualizer=None)))
        runner.model = model
        runners[name] = runner
    return case, runners, len(runner.test_dataloader.dataset)


def _load(data_config: str) -> Config:
    init_default_scope('mmpose')
    return Config.fromfile(data_config)
