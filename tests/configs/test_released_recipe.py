"""The base configs against the rules of the released code, each written out here once more."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import MODELS
from torch import nn

import rsn_mm  # noqa: F401
from rsn_mm.models.layers import norm_layers

ROOT = Path(__file__).parents[2]
IMAGE_SIZE_WH = (400, 300)
GPUS = 8


@dataclass(frozen=True)
class Released:
    """What the released code sets for a dataset."""

    persons: int  #: that have labeled joints, in the training set
    input_size: tuple[int, int]
    kernel: int  #: that smooths before decoding
    basic: float  #: extension of the training box
    extension: tuple[float, float]  #: further extension, drawn or in full
    is_drawn: bool
    half_body_joints: int
    half_body_prob: float
    half_body_extension: tuple[float, float]
    upper: range
    shrink: float
    rotation: float
    test_extension: tuple[float, float]
    iterations: int


RELEASED = dict(
    coco=Released(149_813, (192, 256), 5, 0.05, (0.6, 0.8), True, 3, 0.3, (0.6, 0.8), range(13),
                  0.8, 45, (0.09, 0.135), 96_000),
    mpii=Released(22_246, (256, 256), 9, 0, (0.25, 0.25), False, 8, 0.5, (0.6, 0.6), range(7, 16),
                  1, 60, (0.25, 0.25), 28_800))
CONFIGS = dict(coco='rsn18_coco-256x192', mpii='rsn18_mpii-256x256')
BOTH = pytest.mark.parametrize('name', RELEASED)


def load(name: str) -> Config:
    init_default_scope('mmpose')
    return Config.fromfile(ROOT / 'configs' / 'rsn' / f'{CONFIGS.get(name, name)}.py')


def person(name: str) -> dict:
    """One person, all joints labeled, as the dataset and the image loader give it."""
    meta = parse_pose_metainfo(dict(from_file=f'configs/_base_/datasets/{name}.py'))
    joints = len(meta['flip_indices'])
    rng = np.random.default_rng(0)
    return dict(
        img_path='a.jpg', img=np.full((*IMAGE_SIZE_WH[::-1], 3), 200, np.uint8),
        img_shape=IMAGE_SIZE_WH[::-1], bbox=np.array([[100., 50., 190., 250.]], np.float32),
        keypoints=rng.uniform((100, 50), (190, 250), (1, joints, 2)).astype(np.float32),
        keypoints_visible=1 + np.arange(joints, dtype=np.float32)[None] % 2,
        upper_body_ids=meta['upper_body_ids'], flip_indices=meta['flip_indices'])


def fit(size_wh: np.ndarray, input_size: tuple[int, int]) -> np.ndarray:
    """Grown to the aspect ratio of the input."""
    w, h = size_wh
    ratio = input_size[0] / input_size[1]
    return np.array([w, w / ratio] if w > ratio * h else [h * ratio, h])


def augment(rules: Released, sample: dict, draw: float, normal: float) -> dict:
    """The released augmentation where every even draw is ``draw``."""
    x1, y1, x2, y2 = sample['bbox'][0]
    center = np.array([x1 + x2, y1 + y2]) / 2
    drawn = draw if rules.is_drawn else 1
    size = np.array([x2 - x1, y2 - y1]) * (1 + rules.basic) * (
        1 + drawn * np.array(rules.extension))
    size = fit(size, rules.input_size)
    joints, flags = sample['keypoints'][0], sample['keypoints_visible'][0]
    if (flags > 0).sum() > rules.half_body_joints and draw < rules.half_body_prob:
        upper = joints[[k in rules.upper for k in range(len(joints))]]
        lower = joints[[k not in rules.upper for k in range(len(joints))]]
        taken = upper if normal < 0.5 else lower
        center = (taken.min(0) + taken.max(0)) / 2
        size = np.ptp(taken, axis=0) * (1 + draw * np.array(rules.half_body_extension))
        size = fit(size, rules.input_size)
    size = size * rules.shrink * (0.75 + draw * 0.5)
    rotation = (2 * draw - 1) * rules.rotation if draw < 0.5 else 0
    if draw < 0.5:
        center[0] = IMAGE_SIZE_WH[0] - center[0] - 1
        flags = flags[sample['flip_indices']]
    return dict(input_center=center, input_scale=size, bbox_rotation=rotation, flags=flags)


# Draws: everything happens, upper and lower half; half-body in MPII alone; nothing but scaling.
@pytest.mark.parametrize('draw, normal', [(0.1, 0.), (0.2, 0.7), (0.4, 0.), (0.6, 0.), (0.9, 0.)])
@BOTH
def test_augmentation_equals_the_released_rules(name, draw, normal, monkeypatch):
    monkeypatch.setattr(np.random, 'rand', lambda *n: np.full(n, draw) if n else draw)
    monkeypatch.setattr(np.random, 'randn', lambda: normal)
    monkeypatch.setattr(np.random, 'uniform', lambda low, high: low + draw * (high - low))
    monkeypatch.setattr(
        np.random, 'choice', lambda options, p: options[0] if draw < p[0] else options[1])
    steps = load(name).train_dataloader.dataset.pipeline
    assert [step.type for step in steps[:2]] == ['rsn_mm.LoadVisibility', 'rsn_mm.LoadImage']
    assert [step.type for step in steps[-2:]] == ['GenerateTarget', 'PackPoseInputs']
    found = Compose(steps[2:-2])(person(name))
    expected = augment(RELEASED[name], person(name), draw, normal)
    np.testing.assert_array_equal(found['keypoints_visible'][0], expected.pop('flags'))
    for key, value in expected.items():
        np.testing.assert_allclose(np.squeeze(found[key]), value, atol=1e-3, err_msg=key)


@BOTH
def test_boxes_and_flip_test_are_the_released_ones(name):
    cfg, rules = load(name), RELEASED[name]
    load_image, *steps, pack = cfg.test_dataloader.dataset.pipeline
    assert (load_image.type, pack.type) == ('rsn_mm.LoadImage', 'PackPoseInputs')
    found = Compose(steps)(person(name))
    size = np.array([90, 200]) * (1 + np.array(rules.test_extension))
    np.testing.assert_allclose(found['input_scale'], fit(size, rules.input_size), rtol=1e-5)
    np.testing.assert_allclose(found['input_center'], [145, 150])
    assert cfg.model.test_cfg == dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False)
    assert cfg.model.head.decoder.blur_kernel_size == rules.kernel


def test_detections_of_coco_are_all_used():
    cfg = load('coco')
    dataset = cfg.test_dataloader.dataset
    assert dataset.bbox_file.endswith('COCO_val2017_detections_AP_H_56_person.json')
    assert dataset.get('filter_cfg') is None  # no threshold on their scores
    assert cfg.test_evaluator.nms_mode == 'none'
    assert cfg.test_evaluator.get('score_mode', 'bbox_keypoint') == 'bbox_keypoint'


@BOTH
def test_images_are_bgr_on_the_scale_of_imagenets_statistics(name):
    preprocessor = MODELS.build(load(name).model.data_preprocessor)
    image = torch.arange(3 * 4 * 4).reshape(3, 4, 4).to(torch.uint8)
    found = preprocessor(dict(inputs=[image], data_samples=[]))['inputs'][0]
    mean, std = (torch.tensor(values)[:, None, None] for values in (
        [0.406, 0.456, 0.485], [0.225, 0.224, 0.229]))  # blue, green, red
    torch.testing.assert_close(found, (image / 255 - mean) / std)


@BOTH
def test_what_lies_outside_the_photograph_is_black(name):
    *_, affine, _ = load(name).test_dataloader.dataset.pipeline
    sample = dict(img=np.full((50, 50, 3), 200, np.uint8), bbox_center=np.array([[0., 0.]]),
                  bbox_scale=np.array([[100., 100.]]))
    found = Compose([affine])(sample)['img']
    assert (found[0, 0] == 0).all() and (found[-60, -60] == 200).all()


def released_lr(iteration: int, rules: Released) -> float:
    warmup = 2400
    if iteration < warmup:
        return 5e-4 * GPUS * (0.1 + 0.9 * iteration / warmup)
    return 5e-4 * GPUS * (1 - (iteration - warmup) / (rules.iterations - warmup))


@BOTH
def test_the_learning_rate_follows_the_released_one(name):
    """Within 1% of its largest value, which is what counting in epochs changes."""
    cfg, rules = load(name), RELEASED[name]
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=cfg.optim_wrapper.optimizer.lr)
    epoch_length = round(rules.persons / cfg.auto_scale_lr.base_batch_size)
    schedulers = []
    for settings in map(dict, cfg.param_scheduler):
        settings['optimizer'] = optimizer
        if settings.pop('convert_to_iter_based', False):
            kind = PARAM_SCHEDULERS.get(settings.pop('type'))
            schedulers.append(kind.build_iter_from_epoch(**settings, epoch_length=epoch_length))
        else:
            schedulers.append(PARAM_SCHEDULERS.build(settings))
    optimizer.step()
    total = cfg.train_cfg.max_epochs * epoch_length
    assert total == pytest.approx(rules.iterations, rel=0.003)
    for iteration in range(total):
        if iteration % 50 == 0 and iteration < rules.iterations:
            found = optimizer.param_groups[0]['lr']
            assert found == pytest.approx(released_lr(iteration, rules), abs=0.01 * 4e-3), iteration
        for scheduler in schedulers:
            scheduler.step()
    assert optimizer.param_groups[0]['lr'] < 1e-6


@BOTH
def test_adam_is_torchs_own_for_all_parameters(name):
    settings = load(name).optim_wrapper
    assert settings.optimizer == dict(type='Adam', lr=5e-4 * GPUS, weight_decay=1e-5)
    assert settings.get('paramwise_cfg') is None and settings.get('clip_grad') is None


@BOTH
def test_norms_see_the_images_of_one_gpu(name):
    cfg = load(name)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    norms = norm_layers(model)
    assert len(norms) > 50 and {type(norm) for norm in norms} == {nn.BatchNorm2d}
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.1)}
    # Their running statistics are averaged before evaluation.
    assert 'SyncBuffersHook' in [hook.type for hook in cfg.custom_hooks]


@pytest.mark.parametrize('name', [*CONFIGS, 'rsn50x4_coco-384x288'])
def test_kernels_are_the_same_at_every_input_size(name):
    codec = MODELS.build(load(name).model.head).decoder
    assert codec.kernel_sizes == (15, 11, 9, 7, 5)
    assert codec.stride == 4


@pytest.mark.parametrize('name', [*CONFIGS, 'rsn101_coco-256x192'])
def test_rsn_starts_from_no_pretrained_weights(name):
    cfg = load(name)
    assert cfg.load_from is None
    assert cfg.model.backbone.get('init_cfg') is None
    assert not cfg.model.backbone.get('zero_init_residual', False)
