"""Released networks compute after conversion what they computed in the released code."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rsn_mm.checkpoints import CheckpointError, convert
from rsn_mm.conversion.formats import RELEASED_RSN
from rsn_mm.conversion.network import Network
from tests import golden

from .samples import build, hollow, named_config, released, released_shapes

RSN18 = 'configs/rsn/rsn18-released_coco-256x192.py'
TWO_STAGES = ['model.backbone.num_stages=2', 'model.head.num_stages=2']


@pytest.mark.parametrize('name, source, config, options', [
    ('rsn18_coco', 'rsn', RSN18, []),
    ('rsn18x2_coco', 'rsn', RSN18, TWO_STAGES),
    ('mspn50_coco', 'mspn', 'configs/mspn/mspn50_coco-256x192.py', []),
])
def test_heatmaps_equal_those_of_the_released_code(name, source, config, options):
    data = golden.load(f'{name}_output')
    theirs = golden.weights(name, str(data['salt']))
    ours, info = convert({'model': theirs})
    assert (info['source'], info['config'], info['cfg_options']) == (source, config, options)
    assert info['dataset'] == 'coco'

    model = build(named_config(info))
    model.load_state_dict(ours, strict=True)
    rng = np.random.RandomState(int(data['seed']))
    x = torch.from_numpy(rng.standard_normal((1, 3, 256, 192)).astype('float32'))
    with torch.no_grad():
        found = model.head(model.backbone(x))[-1][-1].numpy()
    expected = data['heatmaps']
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


def test_bias_is_folded_into_the_mean():
    theirs = golden.weights('rsn18_coco', 'x')
    ours, _ = convert(theirs)
    layer = 'stage0.downsample.layer3.1.conv_bn_relu2_4_2'
    place = 'backbone.stages.0.encoder.levels.2.1.branches.3.1'
    assert ours[f'{place}.bn.running_mean'].equal(
        theirs[f'{layer}.bn.running_mean'] - theirs[f'{layer}.conv.bias'])
    assert ours[f'{place}.conv.weight'].equal(theirs[f'{layer}.conv.weight'])
    assert not [key for key in ours if key.endswith('conv.bias')]


def widened(name: str, change) -> dict:
    """A released state dict with shapes changed by ``change(key, shape)``."""
    return hollow({key: change(key, list(shape)) for key, shape in released_shapes(name).items()})


def with_joints(joints: int):
    def change(key, shape):
        return [joints, *shape[1:]] if '.res_conv2.' in key and shape else shape
    return change


@pytest.mark.parametrize('name, joints, config, options, dataset', [
    ('rsn18_coco', 16, 'configs/rsn/rsn18-released_mpii-256x256.py', [], 'mpii'),
    ('rsn18_coco', 14, RSN18, ['model.head.out_channels=14'], None),
    ('rsn18x2_coco', 16, 'configs/rsn/rsn18-released_mpii-256x256.py', TWO_STAGES, 'mpii'),
    ('mspn50_coco', 16, 'configs/mspn/mspn50x2_mpii-256x256.py',
     ['model.backbone.num_stages=1', 'model.head.num_stages=1'], 'mpii'),
])
def test_joints_name_the_data_set(name, joints, config, options, dataset):
    ours, info = convert(widened(name, with_joints(joints)))
    assert (info['config'], info['cfg_options'], info['dataset']) == (config, options, dataset)
    assert bool(info['notes']) == (dataset is None)
    build(named_config(info), 'meta').load_state_dict(ours, strict=True, assign=True)


def test_expanded_network_is_the_papers():
    """The released file format with the paper's widths: what RSN-50 weights would look like."""
    shapes = Network('rsb', 50).shapes()
    ours, info = convert(hollow(RELEASED_RSN.shapes(shapes)))
    assert (info['config'], info['cfg_options']) == ('configs/rsn/rsn50_coco-256x192.py', [])
    assert {key: tuple(value.shape) for key, value in ours.items()} == shapes


# --------------------------------------------------------------------------------- Res18, by hand

RES18_PLANES = (64, 128, 256, 512)


def res18_layers() -> dict[str, tuple[int, int, int]]:
    """Output channels, input channels and kernel size of the released Res18's convolutions."""
    layers = {'top.conv': (64, 3, 7)}
    channels = 64
    for level, planes in enumerate(RES18_PLANES):
        for block in (0, 1):
            place = f'stage0.downsample.layer{level + 1}.{block}'
            if channels != planes:
                layers[f'{place}.downsample'] = (planes, channels, 1)
            layers[f'{place}.conv_bn_relu1'] = (planes, channels, 1)
            layers[f'{place}.conv_bn_relu2'] = (planes, planes, 3)
            layers[f'{place}.conv_bn_relu3'] = (planes, planes, 1)
            channels = planes
    for up, planes in enumerate(reversed(RES18_PLANES)):
        place = f'stage0.upsample.up{up + 1}'
        layers[f'{place}.u_skip'] = (256, planes, 1)
        if up > 0:
            layers[f'{place}.up_conv'] = (256, 256, 1)
        layers[f'{place}.res_conv1'] = (256, 256, 1)
        layers[f'{place}.res_conv2'] = (17, 256, 3)
    return layers


def res18() -> dict[str, Tensor]:
    state = {}
    for name, (channels, in_channels, size) in res18_layers().items():
        shapes = {'conv.weight': (channels, in_channels, size, size), 'conv.bias': (channels, ),
                  **{f'bn.{part}': (channels, ) for part in (
                      'weight', 'bias', 'running_mean', 'running_var')},
                  'bn.num_batches_tracked': ()}
        state |= {f'{name}.{key}': golden.draw(f'{name}.{key}', shape)
                  for key, shape in shapes.items()}
    return state


def res18_heatmaps(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """The last heatmaps of the network as it was released, from tensors by its names."""
    def layer(name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = state[f'{name}.conv.weight']
        x = F.conv2d(x, weight, state[f'{name}.conv.bias'], stride, padding=weight.shape[-1] // 2)
        return F.batch_norm(x, *(state[f'{name}.bn.{part}'] for part in (
            'running_mean', 'running_var', 'weight', 'bias')))

    x = F.max_pool2d(layer('top.conv', x, stride=2).relu(), 3, stride=2, padding=1)
    features = []
    for level in (1, 2, 3, 4):
        for block in (0, 1):
            place = f'stage0.downsample.layer{level}.{block}'
            stride = 2 if level > 1 and block == 0 else 1
            shortcut = layer(f'{place}.downsample', x, stride) if stride == 2 else x
            x = layer(f'{place}.conv_bn_relu1', x).relu()
            x = layer(f'{place}.conv_bn_relu2', x, stride).relu()
            x = (layer(f'{place}.conv_bn_relu3', x) + shortcut).relu()
        features.append(x)
    out = None
    for up, feature in enumerate(reversed(features), 1):
        place = f'stage0.upsample.up{up}'
        total = layer(f'{place}.u_skip', feature)
        if out is not None:
            total = total + layer(f'{place}.up_conv', F.interpolate(
                out, feature.shape[2:], mode='bilinear', align_corners=True))
        out = total.relu()
    heatmaps = layer(f'{place}.res_conv2', layer(f'{place}.res_conv1', out).relu())
    return F.interpolate(heatmaps, (64, 48), mode='bilinear', align_corners=True)


@pytest.mark.parametrize('source', ['auto', 'rsn', 'mspn'])
def test_res18_of_the_released_rsn(source):
    """Bottlenecks without expansion, under the names that MSPN has."""
    theirs = res18()
    ours, info = convert({'model': theirs}, source)
    assert info['source'] == ('mspn' if source == 'auto' else source)
    assert (info['config'], info['cfg_options']) == (
        'configs/rsn/resnet18-released_coco-256x192.py', [])
    model = build(named_config(info))
    model.load_state_dict(ours, strict=True)
    x = torch.randn(1, 3, 96, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = model.head(model.backbone(x))[-1][-1]
        expected = res18_heatmaps(theirs, x)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_released_refine_machine_is_found_on_the_last_heatmaps():
    theirs = golden.weights('rsn18_coco', 'x')
    prm = golden.weights('prm17', '')
    ours, info = convert({**theirs, **{f'stage0.upsample.prm.{k}': v for k, v in prm.items()}})
    assert info['network']['prm'] == 'heatmap'
    assert 'stage0.upsample.prm' in info['notes'][0]
    model = build(named_config(info))
    model.load_state_dict(ours, strict=True)
    data = golden.load('prm17')
    with torch.no_grad():
        refined = model.head.predictors[-1][-1].refine(torch.from_numpy(data['x'])).numpy()
    np.testing.assert_allclose(refined, data['y'], atol=1e-4)


def test_half_precision_becomes_single():
    ours, _ = convert({k: v.half() if v.is_floating_point() else v
                       for k, v in released('rsn18_coco').items()})
    assert {v.dtype for v in ours.values()} == {torch.float32, torch.int64}


def test_names_of_parallel_training():
    plain, _ = convert(released('mspn50_coco'))
    parallel, _ = convert({f'module.{k}': v for k, v in released('mspn50_coco').items()})
    assert plain.keys() == parallel.keys()


# ---------------------------------------------------------------------------------- what is refused

DROPPED = 'stage0.downsample.layer2.1.conv_bn_relu3.bn.weight'
FIRST = 'top.conv.conv.weight'


def without(state_dict: dict, part: str) -> dict:
    return {key: value for key, value in state_dict.items() if part not in key}


def renamed(state_dict: dict, old: str, new: str) -> dict:
    return {key.replace(old, new): value for key, value in state_dict.items()}


@pytest.mark.parametrize('source, change, message', [
    # one tensor, then whole parts of the network
    ('auto', lambda s: without(s, DROPPED), f'1 missing: {DROPPED}$'),
    ('auto', lambda s: without(s, 'top.conv.conv.bias'), '1 missing: top.conv.conv.bias'),
    ('auto', lambda s: without(s, 'layer4.1.'), r'depth 18.* \d+ missing: stage0.*layer4.1.conv'),
    ('auto', lambda s: without(s, 'res_conv'), r'\d+ missing: .*res_conv1.* and \d+ more'),
    ('auto', lambda s: without(s, '2_4_'),
     r'\d+ of another shape: stage0.*conv_bn_relu1.conv.weight \(104, .*expected \(78, '),
    # too much, or of the wrong size
    ('auto', lambda s: {**s, 'ema.x': s[FIRST]}, '1 unknown: ema.x$'),
    ('auto', lambda s: {**s, 'stage1.upsample.up1.u_skip.conv.weight': s[FIRST]},
     '1 unknown: stage1.upsample.up1'),
    ('auto', lambda s: {**s, FIRST: s[FIRST][:, :1]},
     r'1 of another shape: top.conv.conv.weight \(64, 1, 7, 7\), expected \(64, 3, 7, 7\)'),
    # mixed formats
    ('auto', lambda s: s | released('mspn50_coco'), 'mixed: .* the released RSN, .* the released '
     'MSPN'),
    ('auto', lambda s: s | {'backbone.multi_stage_rsn.0.downsample.layer1.0.conv_bn_relu2_1_1.x':
                            s[FIRST]}, "mixed: .*MMPose's RSN"),
    ('auto', lambda s: {'module.' + FIRST: s[FIRST]} | s, "prefix 'module.', others do not"),
    # the wrong source
    ('mspn', dict, "source 'mspn', but the names are those of the released RSN"),
    ('mmpose', dict, "source 'mmpose', but the names are those of the released RSN"),
    ('hrnet', dict, "source 'hrnet', expected auto or one of rsn, mspn, mmpose"),
    # no network at all
    ('auto', lambda s: {'conv1.weight': s[FIRST]}, 'not a checkpoint .* names are conv1.weight'),
    ('auto', lambda s: {}, 'empty'),
    ('auto', lambda s: {'state_dict': {}}, 'state_dict is empty'),
    ('auto', lambda s: {'model': s[FIRST]}, 'model is a Tensor, expected a dict'),
    ('auto', lambda s: {'model': s | {'lr': 0.1}}, 'not tensors: lr'),
    ('auto', lambda s: s[FIRST], 'a Tensor, expected a dict'),
    ('auto', lambda s: {'backbone.stages.0.x': s[FIRST]}, 'rsn_mm already'),
])
def test_bad_state_dict(source, change, message):
    with pytest.raises(CheckpointError, match=message):
        convert(change(released('rsn18_coco')), source)
