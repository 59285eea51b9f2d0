"""ImageNet weights of a ResNet in the stem and the first encoder."""

import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.models.backbones import ResNet
from mmpose.registry import MODELS
from torch import nn

from rsn_mm.checkpoints import CheckpointError, downloads
from rsn_mm.models import RSN
from tests.models.test_rsn import image, randomize

ROOT = Path(__file__).parents[2]


def resnet(depth: int) -> ResNet:
    """MMPose's, whose tensors have torchvision's names."""
    theirs = randomize(ResNet(depth=depth, out_indices=(0, 1, 2, 3)))
    theirs.eval()
    return theirs


def write(path: Path, state_dict: dict) -> str:
    state_dict = dict(state_dict, **{'fc.weight': torch.zeros(10, 8), 'fc.bias': torch.zeros(10)})
    torch.save(state_dict, path)
    return str(path)


def tiny_state() -> dict:
    """A ResNet-18 with one unit a level."""
    return {key: value for key, value in resnet(18).state_dict().items()
            if key.split('.')[1] != '1' or not key.startswith('layer')}


def tiny(checkpoint: str, bgr: bool = True, **options) -> RSN:
    return RSN(**{'depth': 18, 'unit': 'basic', 'num_blocks': (1, 1, 1, 1), 'num_stages': 2,
                  'init_cfg': dict(type='rsn_mm.PretrainedResNet', checkpoint=checkpoint, bgr=bgr),
                  **options})


@pytest.fixture
def checkpoint(tmp_path) -> str:
    return write(tmp_path / 'resnet.pth', tiny_state())


@pytest.mark.parametrize('depth, unit', [(18, 'basic'), (50, 'bottleneck'), (101, 'bottleneck')])
def test_features_are_those_of_the_resnet(depth, unit, tmp_path):
    theirs = resnet(depth)
    ours = RSN(depth=depth, unit=unit, out_mode='pyramid', init_cfg=dict(
        type='rsn_mm.PretrainedResNet', checkpoint=write(tmp_path / 'resnet.pth',
                                                         theirs.state_dict())))
    ours.init_weights()
    with torch.no_grad():
        # ours takes BGR, the ResNet RGB; 66 pixels show where strides and paddings are
        expected, found = theirs(image((1, 3, 66, 66)).flip(1)), ours.eval()(image((1, 3, 66, 66)))
    for a, b in zip(expected, found, strict=True):
        assert (a - b).abs().max() <= 1e-5 * a.abs().max()


def test_what_is_loaded_and_what_is_drawn(checkpoint):
    state = torch.load(checkpoint)
    model = tiny(checkpoint, bgr=False)
    model.init_weights()
    found = model.state_dict()
    assert found['stem.conv.conv.weight'].equal(state['conv1.weight'])
    assert found['stages.0.encoder.levels.1.0.shortcut.bn.running_var'].equal(
        state['layer2.0.downsample.1.running_var'])
    drawn = [m for name, m in model.named_modules() if isinstance(m, nn.Conv2d)
             and not name.startswith(('stem', 'stages.0.encoder'))]
    assert len(drawn) > 20
    encoder = set(model.stages[1].encoder.modules())
    for conv in drawn:
        if conv.weight.numel() > 20000:
            in_encoder = conv in encoder
            fan_out = conv.out_channels * conv.weight[0, 0].numel()
            expected = ((2 / fan_out) if in_encoder else 1 / conv.weight[0].numel() / 3)**0.5
            assert conv.weight.std().item() == pytest.approx(expected, rel=0.05)
    flipped = tiny(checkpoint)
    flipped.init_weights()
    assert flipped.stem.conv.conv.weight.equal(state['conv1.weight'].flip(1))


def test_zero_init_leaves_loaded_units_alone(checkpoint):
    state = torch.load(checkpoint)
    model = tiny(checkpoint, zero_init_residual=True)
    model.init_weights()
    first, second = (stage.encoder.levels[2][0].fuse.norm.weight for stage in model.stages)
    assert first.equal(state['layer3.0.bn2.weight']) and (second == 0).all()


def test_counts_of_batches_may_be_missing(tmp_path):
    state = {k: v for k, v in tiny_state().items() if not k.endswith('num_batches_tracked')}
    model = tiny(write(tmp_path / 'old.pth', state), bgr=False)
    model.init_weights()
    assert model.stem.conv.bn.running_mean.equal(state['bn1.running_mean'])


def test_the_config_with_a_local_file(tmp_path):
    """Through the estimator, and mmengine's order of initializations."""
    init_default_scope('mmpose')
    cfg = Config.fromfile(ROOT / 'configs/mspn/mspn50x4-imagenet_coco-256x192.py')
    assert cfg.model.backbone.init_cfg.checkpoint == 'torchvision://resnet50'
    state = {k: v for k, v in resnet(50).state_dict().items()
             if not k.startswith('layer') or k.split('.')[1] == '0'}
    cfg.model.backbone.init_cfg.checkpoint = write(tmp_path / 'resnet.pth', state)
    cfg.model.backbone.update(num_blocks=[1, 1, 1, 1], num_stages=2)
    cfg.model.head.update(num_stages=2)
    model = MODELS.build(cfg.model)
    model.init_weights()
    stem = model.backbone.stem.conv
    assert stem.conv.weight.equal(state['conv1.weight'].flip(1))
    assert stem.bn.weight.equal(state['bn1.weight'])
    assert model.backbone.stages[0].encoder.levels[3][0].convs[1].conv.weight.equal(
        state['layer4.0.conv2.weight'])


@pytest.mark.parametrize('change, message', [
    (lambda s: s.pop('layer1.0.conv1.weight'), '1 missing: layer1.0.conv1.weight'),
    (lambda s: s.update({'layer4.1.conv1.weight': torch.zeros(1)}),
     '1 unknown: layer4.1.conv1.weight'),
    (lambda s: s.update({'conv1.weight': torch.zeros(64, 1, 7, 7)}),
     r'1 of another shape: conv1.weight \(64, 1, 7, 7\), expected \(64, 3, 7, 7\)'),
])
def test_what_does_not_fit_is_listed(change, message, tmp_path):
    state = tiny_state()
    change(state)
    model = tiny(write(tmp_path / 'resnet.pth', state))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=message):
        model.init_weights()
    assert all(value.equal(before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize('options, error, message', [
    (dict(unit='rsb'), CheckpointError, "units ResidualStepsBlock, expected unit='bottleneck'"),
    (dict(norm_cfg=dict(type='GN', num_groups=8)), CheckpointError,
     'unknown: bn1.weight'),
    (dict(norm_cfg=None), CheckpointError, 'missing: conv1.bias'),
    (dict(unit='bottleneck'), CheckpointError, r'conv1.weight \(64, 64, 3, 3\), expected'),
    (dict(num_blocks=(2, 1, 1, 1)), CheckpointError, 'missing: layer1.1.conv1.weight'),
])
def test_networks_that_are_no_resnet(options, error, message, checkpoint):
    with pytest.raises(error, match=message):
        tiny(checkpoint, **options).init_weights()


def test_other_models_are_refused(checkpoint):
    from rsn_mm.models import PretrainedResNet
    with pytest.raises(CheckpointError, match='the network is Linear, expected rsn_mm.RSN'):
        PretrainedResNet(checkpoint)(nn.Linear(1, 1))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(CheckpointError, match='no.pth does not exist'):
        tiny(str(tmp_path / 'no.pth')).init_weights()
    with pytest.raises(CheckpointError, match='torchvision://resnet5, expected torchvision://'):
        tiny('torchvision://resnet5').init_weights()
    torch.save(dict(weight=Path('run')), tmp_path / 'code.pth')
    with pytest.raises(CheckpointError, match='would run code'):
        tiny(str(tmp_path / 'code.pth')).init_weights()


def test_a_name_of_torchvision_is_downloaded(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    asked = []

    def fetch(address, file):
        asked.append(address.rpartition('/')[2])
        shutil.copy(checkpoint, file)

    monkeypatch.setattr(downloads, '_fetch', fetch)
    for _ in range(2):  # the second time it is there
        model = tiny('torchvision://resnet18', bgr=False)
        model.init_weights()
        assert model.stem.conv.conv.weight.equal(torch.load(checkpoint)['conv1.weight'])
    assert asked == ['resnet18-f37072fd.pth']
