"""MMPose's estimators and ours are the same function, in both directions."""

import numpy as np
import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.model import ExponentialMovingAverage
from mmengine.runner import load_checkpoint, save_checkpoint
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from rsn_mm import checkpoints
from rsn_mm.checkpoints import CheckpointError, convert, to_mmpose

from .samples import build, mmpose_config, named_config, randomize

CONFIGS = {
    'rsn18': 'rsn/rsn18', 'rsn50': 'rsn/rsn50', '2xrsn50': 'rsn/rsn50x2', '3xrsn50': 'rsn/rsn50x3',
    'mspn50': 'mspn/mspn50', '2xmspn50': 'mspn/mspn50x2', '3xmspn50': 'mspn/mspn50x3',
    '4xmspn50': 'mspn/mspn50x4',
}


@pytest.mark.parametrize('name', CONFIGS)
def test_every_config_of_mmpose(name):
    """Tensors without memory: names and shapes of all, and where each one goes."""
    theirs = build(mmpose_config(name), 'meta').state_dict()
    checkpoint, info = checkpoints.convert_checkpoint(theirs)
    ours = checkpoint['state_dict']
    assert info['source'] == 'mmpose' and info['cfg_options'] == []
    assert info['config'] == f'configs/{CONFIGS[name]}-mmpose_coco-256x192.py'
    build(named_config(info), 'meta').load_state_dict(ours, strict=True, assign=True)
    back, export = checkpoints.export_checkpoint(checkpoint)
    assert back['state_dict'].keys() == theirs.keys()
    assert all(back['state_dict'][key] is value for key, value in theirs.items())
    assert export['config'] == (
        f'configs/body_2d_keypoint/topdown_heatmap/coco/td-hm_{name}_8xb32-210e_coco-256x192.py')
    assert export['cfg_options'] == [] and export['notes'] == []


# ---------------------------------------------------------------------------------- equal heatmaps

def small(name: str, stages: int, **changes):
    """A config of MMPose with two units per level, so that it runs in no time."""
    cfg = mmpose_config(name)
    cfg.model.backbone.num_blocks = [2, 2, 2, 2]
    cfg.model.backbone.num_stages = cfg.model.head.num_stages = stages
    head = cfg.model.head
    head.level_indices = head.level_indices[-4:] * stages
    head.loss = head.loss[:4] * stages
    cfg.merge_from_dict(changes)
    return cfg


def batch() -> dict:
    """An image as a loader gives it, and what is needed to predict on it."""
    image = np.random.default_rng(0).integers(0, 256, (3, 128, 96), dtype=np.uint8)
    sample = PoseDataSample(metainfo=dict(
        flip_indices=[0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15],
        input_size=(192, 256), input_center=np.array([96., 128.]),
        input_scale=np.array([192., 256.])))
    sample.gt_instances = InstanceData(bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
    return dict(inputs=[torch.from_numpy(image)], data_samples=[sample])


def heatmaps(model: torch.nn.Module) -> torch.Tensor:
    """Of the whole estimator, from preprocessing to the flip test."""
    model.test_cfg.output_heatmaps = True
    with torch.no_grad():
        return model.test_step(batch())[0].pred_fields.heatmaps


def assert_equal_heatmaps(a: torch.nn.Module, b: torch.nn.Module) -> None:
    expected, found = heatmaps(a), heatmaps(b)
    assert (expected - found).abs().max() <= 1e-4 * expected.abs().max()


def saved(path, cfg, model, **entries):
    """What mmengine's runner saves."""
    meta = dict(cfg=cfg.pretty_text, mmengine_version='0.10.7', epoch=1, iter=2)
    save_checkpoint(dict(meta=meta, state_dict=model.state_dict(), **entries), str(path))
    return path


@pytest.mark.parametrize('name, stages', [('rsn18', 1), ('rsn18', 2), ('mspn50', 1),
                                          ('mspn50', 2)])
def test_heatmaps_equal_those_of_mmpose(name, stages, tmp_path):
    cfg = small(name, stages)
    theirs = randomize(build(cfg))
    path = saved(tmp_path / 'theirs.pth', cfg, theirs)
    checkpoint, info = checkpoints.convert_checkpoint(checkpoints.read(path))
    checkpoints.write(checkpoint, tmp_path / 'ours.pth')

    ours_cfg = named_config(info)
    assert ours_cfg.model.data_preprocessor.bgr_to_rgb
    ours = build(ours_cfg)
    load_checkpoint(ours, str(tmp_path / 'ours.pth'), strict=True)
    assert_equal_heatmaps(theirs, ours)
    assert checkpoint['meta']['dataset_meta']['dataset_name'] == 'coco'

    again = build(cfg)
    again.load_state_dict(to_mmpose(ours.state_dict()), strict=True)
    assert all(a.equal(b) for a, b in zip(theirs.state_dict().values(),
                                          again.state_dict().values(), strict=True))


def test_colors_of_the_config_in_the_checkpoint():
    """MMPose weights trained on BGR images: the options say so, and the heatmaps are equal."""
    cfg = small('rsn18', 1, **{'model.data_preprocessor.bgr_to_rgb': False,
                               'model.data_preprocessor.mean': [100., 110., 120.]})
    theirs = randomize(build(cfg))
    ours_state, info = convert(dict(
        state_dict=theirs.state_dict(), meta=dict(cfg=cfg.pretty_text)))
    assert info['config'] == 'configs/rsn/rsn18-released_coco-256x192.py'
    assert info['cfg_options'] == ['model.data_preprocessor.mean=100.0,110.0,120.0',
                                   'model.data_preprocessor.std=58.395,57.12,57.375']
    ours = build(named_config(info))
    ours.load_state_dict(ours_state, strict=True)
    assert_equal_heatmaps(theirs, ours)


def test_export_says_the_colors(tmp_path):
    """Weights of our recipe see BGR; in MMPose's config that has to be set."""
    cfg = named_config(dict(config='configs/rsn/rsn18-released_coco-256x192.py', cfg_options=[]))
    ours = randomize(build(cfg))
    path = saved(tmp_path / 'ours.pth', cfg, ours)
    checkpoint, info = checkpoints.export_checkpoint(checkpoints.read(path))
    assert info['cfg_options'] == [
        'model.data_preprocessor.bgr_to_rgb=False',
        'model.data_preprocessor.mean=103.53,116.28,123.675',
        'model.data_preprocessor.std=57.375,57.12,58.395']
    theirs_cfg = mmpose_config('rsn18')
    theirs_cfg.merge_from_dict({
        'model.data_preprocessor.bgr_to_rgb': False,
        'model.data_preprocessor.mean': [103.53, 116.28, 123.675],
        'model.data_preprocessor.std': [57.375, 57.12, 58.395]})
    theirs = build(theirs_cfg)
    theirs.load_state_dict(checkpoint['state_dict'], strict=True)
    assert_equal_heatmaps(ours, theirs)
    _, info = checkpoints.export_checkpoint(dict(state_dict=ours.state_dict()))
    assert 'does not tell the order of colors' in info['notes'][0]


# ------------------------------------------------------------------------- ways they are wrapped

def small_state(name: str = 'rsn18', stages: int = 1) -> dict:
    return build(small(name, stages), 'meta').state_dict()


def test_old_names_of_the_head():
    """MMPose 0.x; its newer estimator also loads them under these names."""
    state = small_state('mspn50')
    old = {key.replace('head.', 'keypoint_head.'): value for key, value in state.items()}
    expected, _ = convert(state)
    found, info = convert(dict(state_dict=old, meta=dict(mmpose_version='0.29.0')))
    assert found.keys() == expected.keys()
    assert all(found[key] is expected[key] for key in expected)
    assert info['config'] == 'configs/mspn/mspn50-mmpose_coco-256x192.py'
    with pytest.raises(CheckpointError, match='0.x .* and 1.x .* are mixed'):
        convert(state | old)


def test_values_of_the_preprocessor_are_no_weights():
    state = small_state()
    found, _ = convert(state | {'data_preprocessor.mean': torch.zeros(3, 1, 1)})
    assert found.keys() == convert(state)[0].keys()


@pytest.fixture(scope='module')
def averaged() -> dict:
    """A checkpoint as mmengine's EMAHook leaves it: plain weights all 1, averaged ones all 2."""
    model = build(small('rsn18', 1))
    hook = EMAHook()
    hook.src_model, hook.ema_model = model, ExponentialMovingAverage(model)
    for module, value in ((model, 1), (hook.ema_model.module, 2)):
        for tensor in module.state_dict().values():
            tensor.fill_(value)
    checkpoint = dict(meta=dict(mmengine_version='0.10.7'), state_dict=model.state_dict())
    hook.before_save_checkpoint(None, checkpoint)
    return checkpoint


def test_averaged_weights_are_used(averaged):
    assert 'steps' in averaged['ema_state_dict'] and 'module.backbone.top.top.0.conv.weight' in (
        averaged['ema_state_dict'])
    ours, info = convert(averaged)
    assert all((value == 2).all() for value in ours.values())
    assert 'EMA weights used' in info['notes'][0]


def test_averaged_weights_alone(averaged):
    """The field alone, or both in a file that mmengine did not write: what its name says."""
    field = averaged['ema_state_dict']  # after mmengine's swap the plain ones, here just ones
    for checkpoint in (dict(ema_state_dict=field),
                       dict(ema_state_dict=field, state_dict=averaged['state_dict'])):
        ours, info = convert(checkpoint)
        assert all((value == 1).all() for value in ours.values())
        assert 'those in ema_state_dict' in info['notes'][0]


def test_bare_averaged_state_dict(averaged):
    assert convert(averaged['ema_state_dict'])[0].keys() == convert(averaged)[0].keys()


# ---------------------------------------------------------------------------------- what is refused

def test_refine_machine_of_mmpose_is_refused():
    state = build(small('rsn18', 1, **{'model.head.use_prm': True}), 'meta').state_dict()
    with pytest.raises(CheckpointError, match=r'use_prm=True\) is another network'):
        convert(state)


@pytest.mark.parametrize('change, message', [
    (lambda s: {k: v for k, v in s.items() if not k.startswith('head.')},
     '48 missing: head.predict_layers.0'),
    (lambda s: s | {'neck.conv.weight': torch.zeros(1)}, '1 unknown: neck.conv.weight'),
    (lambda s: {k.removeprefix('backbone.'): v for k, v in s.items()}, 'not a checkpoint'),
])
def test_bad_mmpose_state_dict(change, message):
    with pytest.raises(CheckpointError, match=message):
        convert(change(small_state()))


@pytest.mark.parametrize('options, message', [
    (['model.backbone.variant=paper'], "variant='released'.*variant='paper'"),
    (['model.backbone.branch_width=32'], 'branch_width=32'),
    (['model.backbone.variant=paper', 'model.backbone.unit=basic'], "'bottleneck'"),
    (['model.backbone.variant=paper', 'model.backbone.unit=bottleneck',
      'model.backbone.expansion=1'], 'expansion=4; .*expansion=1'),
    (['model.head.prm.position=feature'], 'head.predictors.0.3.feature.* has no counterpart'),
    (['model.head.prm.position=heatmap'], 'head.predictors.0.3.refine.* has no counterpart'),
    (['model.backbone.norm_cfg.type=GN', 'model.backbone.norm_cfg.num_groups=2'], 'missing'),
])
def test_networks_that_mmpose_lacks(options, message):
    cfg = named_config(dict(config='configs/rsn/rsn18-released_coco-256x192.py',
                            cfg_options=options))
    with pytest.raises(CheckpointError, match=message):
        to_mmpose(build(cfg, 'meta').state_dict())
