"""The shipped configs on real photographs, which are not part of the project."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import DATASETS

from rsn_mm.processors import has_bfloat16

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / 'shared' / 'data'
TINY = {'model.backbone.num_blocks': (1, 1, 1, 1)}


def config(name: str, folder: str) -> tuple[Config, Path]:
    if not (DATA / folder).is_dir():
        pytest.skip(f'the photographs are not here: {DATA / folder}')
    init_default_scope('mmpose')
    cfg = Config.fromfile(ROOT / 'configs' / 'rsn' / f'{name}.py')
    cfg.merge_from_dict(TINY)
    if not has_bfloat16():  # where it is slower than float32
        cfg.optim_wrapper.type = 'OptimWrapper'
        cfg.optim_wrapper.pop('dtype', None)
    return cfg, DATA / folder


def test_coco_trains_and_evaluates_with_detected_boxes(tmp_path):
    cfg, data = config('rsn18_coco-256x192', 'coco_sample')
    annotations = str(data / 'person_keypoints.json')
    source = dict(data_root='', ann_file=annotations, data_prefix=dict(img=str(data)))
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(batch_size=8, num_workers=0, persistent_workers=False)
        loader.dataset.update(source)
    cfg.val_dataloader.dataset.update(bbox_file=str(data / 'person_detections.json'), indices=6)
    cfg.val_evaluator.ann_file = annotations
    cfg.merge_from_dict({'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1,
                         'default_hooks.checkpoint': None, 'work_dir': str(tmp_path),
                         'randomness': dict(seed=0)})
    cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
    cfg.param_scheduler = cfg.param_scheduler[:1]
    runner = Runner.from_cfg(cfg)
    losses = []
    runner.model.register_forward_hook(
        lambda module, args, kwargs, out: losses.append(out), with_kwargs=True)
    runner.train()
    trained = [out['loss_kpt'].item() for out in losses if isinstance(out, dict)]
    # The loss of the trial before the run, and two batches of the 11 persons with keypoints.
    assert len(trained) == 3 and np.isfinite(trained).all()
    scores = runner.message_hub.log_scalars
    assert 'val/coco/AP' in scores


def test_flags_of_coco_reach_the_head():
    cfg, data = config('rsn18_coco-256x192', 'coco_sample')
    cfg.train_dataloader.dataset.update(
        data_root='', ann_file=str(data / 'person_keypoints.json'),
        data_prefix=dict(img=str(data)))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    flags = torch.cat([dataset[i]['data_samples'].gt_instance_labels.keypoint_flags
                       for i in range(len(dataset))])
    assert set(flags.unique().tolist()) == {0., 1., 2.}


def test_mpii_joints_lie_where_they_were(monkeypatch):
    cfg, data = config('rsn18_mpii-256x256', 'mpii_sample')
    cfg.val_dataloader.dataset.update(
        data_root='', ann_file=str(data / 'annotations.json'), data_prefix=dict(img=str(data)),
        headbox_file=None)
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    assert len(dataset) == 5
    for i in range(5):
        sample = dataset[i]['data_samples']
        center, scale = (sample.metainfo[f'input_{name}'] for name in ('center', 'scale'))
        assert scale[0] == pytest.approx(scale[1])
        joints = sample.gt_instances.keypoints[0]
        labeled = sample.gt_instances.keypoints_visible[0] > 0
        inside = (np.abs(joints - center) <= scale / 2).all(-1)
        assert inside[labeled].mean() > 0.9  # the box is around the person
