"""Units of the comparisons: against other people's, against slow formulas, and their widths."""

import re

import pytest
import torch
import torch.nn.functional as F
from mmdet.models.backbones.res2net import Bottle2neck
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import Tensor, nn

from rsn_mm.apis import optimize
from rsn_mm.errors import OptionError
from rsn_mm.models import RSN
from rsn_mm.models.layers import BN, ConvNormAdd, conv_norm, split_channels
from rsn_mm.models.units import BasicUnit, ResidualUnit
from rsn_mm.models.units.branches import equal_cost_width, rsb_cost
from rsn_mm.registry import UNITS
from tests import golden
from tests.fresh import ROOT, run_fresh
from tests.models.test_rsn import TINY, FieldSet, image

UNIT_NAMES = sorted(UNITS.module_dict)
COMPARED = ('res2net', 'dense', 'osnet')


def unit_of(name: str, in_channels: int = 64, planes: int = 64, **options) -> ResidualUnit:
    unit = UNITS.get(name)(in_channels, planes, **{'expansion': 1, 'norm_cfg': BN, **options})
    return golden.fill(unit)


def feature(channels: int = 64, seed: int = 0) -> Tensor:
    return torch.randn(2, channels, 9, 7, generator=torch.Generator().manual_seed(seed))


# ----------------------------------------------------------------------------------- what they are

@pytest.mark.parametrize('stride, in_channels', [(1, 64), (1, 256), (2, 128)])
def test_res2net_equals_the_one_of_mmdet(stride, in_channels):
    ours = unit_of('res2net', in_channels, expansion=4, stride=stride)
    projected = not isinstance(ours.shortcut, nn.Identity)
    assert projected == (in_channels != 256)
    # "caffe" strides the first convolution, as the RSB does.
    theirs = Bottle2neck(
        in_channels, 64, stride=stride, style='caffe', downsample=nn.Sequential(
            nn.Conv2d(in_channels, 256, 1, stride, bias=False), nn.BatchNorm2d(256))
        if projected else None).eval()
    layers = {'split.conv': 'conv1', 'split.bn': 'bn1', 'fuse.conv': 'conv3', 'fuse.bn': 'bn3',
              'shortcut.conv': 'downsample.0', 'shortcut.bn': 'downsample.1',
              **{f'steps.{i}.conv': f'convs.{i}' for i in range(3)},
              **{f'steps.{i}.bn': f'bns.{i}' for i in range(3)}}
    theirs.load_state_dict({
        f'{layers[key.rpartition(".")[0]]}.{key.rpartition(".")[2]}': value
        for key, value in ours.state_dict().items()})
    with torch.no_grad():
        torch.testing.assert_close(ours(feature(in_channels)), theirs(feature(in_channels)))


def layer(state: dict, name: str, x: Tensor, relu: bool = True, **conv) -> Tensor:
    """Convolution and norm of a state dict, step by step."""
    weight = state[f'{name}.conv.weight']
    x = F.conv2d(x, weight, padding=weight.shape[-1] // 2, **conv)
    mean, var, gain, bias = (state[f'{name}.bn.{key}'][:, None, None] for key in (
        'running_mean', 'running_var', 'weight', 'bias'))
    x = (x - mean) / (var + 1e-5).sqrt() * gain + bias
    return x.clamp(min=0) if relu else x


@pytest.mark.parametrize('stride', [1, 2])
def test_dense_equals_its_formula(stride):
    unit = unit_of('dense', 64, num_branches=3, stride=stride)
    state, x = unit.state_dict(), feature()
    known = layer(state, 'entry', x, stride=stride)
    width = known.shape[1]
    for i in range(3):
        new = layer(state, f'layers.{i}', known)
        assert new.shape[1] == width
        known = torch.cat((known, new), 1)
    shortcut = x if stride == 1 else layer(state, 'shortcut', x, relu=False, stride=2)
    expected = (layer(state, 'fuse', known, relu=False) + shortcut).clamp(min=0)
    with torch.no_grad():
        torch.testing.assert_close(unit(x), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('name, seen', [
    ('rsb_chained', [[], [0], [1], [2]]),  # the branches whose last output each branch also sees
    ('rsb_separate', [[], [], [], []]),
])
def test_baselines_of_the_rsb_equal_their_formula(name, seen, stride):
    unit, rsb = unit_of(name, 64, stride=stride), unit_of('rsb', 64, stride=stride)
    state, x = unit.state_dict(), feature()
    assert [*state] == [*rsb.state_dict()]  # the same layers
    splits = layer(state, 'split', x, stride=stride).chunk(4, 1)
    outputs = []
    for i in range(4):
        y = splits[i] + sum(outputs[k] for k in seen[i])
        for j in range(i + 1):
            y = layer(state, f'branches.{i}.{j}', y)
        outputs.append(y)
    shortcut = x if stride == 1 else layer(state, 'shortcut', x, relu=False, stride=2)
    expected = (layer(state, 'fuse', torch.cat(outputs, 1), relu=False) + shortcut).clamp(min=0)
    with torch.no_grad():
        found, dense = unit(x), rsb(x)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert (found - dense).abs().max() > 0.01


@pytest.mark.parametrize('stride', [1, 2])
def test_osnet_equals_its_formula(stride):
    unit = unit_of('osnet', 64, num_branches=3, stride=stride)
    state, x = unit.state_dict(), feature()
    entry, total = layer(state, 'entry', x, stride=stride), 0
    for t in range(3):
        y = entry
        for i in range(t + 1):
            y = F.conv2d(y, state[f'streams.{t}.{i}.0.weight'])
            y = layer(state, f'streams.{t}.{i}.1', y, groups=y.shape[1])
        pooled = y.mean((2, 3))
        hidden = (pooled @ state['gate.1.weight'][:, :, 0, 0].T + state['gate.1.bias']).clamp(min=0)
        gate = hidden @ state['gate.3.weight'][:, :, 0, 0].T + state['gate.3.bias']
        total = total + y / (1 + (-gate).exp())[:, :, None, None]
    shortcut = x if stride == 1 else layer(state, 'shortcut', x, relu=False, stride=2)
    expected = (layer(state, 'fuse', total, relu=False) + shortcut).clamp(min=0)
    with torch.no_grad():
        torch.testing.assert_close(unit(x), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('memory_format', [torch.channels_last, torch.contiguous_format])
def test_splits_are_the_channels_in_order(dtype, memory_format):
    x = torch.arange(96, dtype=dtype).view(2, 12, 2, 2).to(memory_format=memory_format)
    x.requires_grad_()
    splits = split_channels(x, 3)
    for i, split in enumerate(splits):
        assert torch.equal(split, x[:, 4 * i:4 * i + 4])
        assert dtype == torch.float32 or split.is_contiguous(memory_format=memory_format)
    (splits[1] * splits[2]).sum().backward()
    expected = torch.cat((0 * x[:, :4], x[:, 8:], x[:, 4:8]), 1)
    assert torch.equal(x.grad, expected)


# ----------------------------------------------------------------------- receptive fields, Table 2

def test_receptive_fields_of_res2net_equal_table_2(monkeypatch):
    unit = unit_of('res2net')
    for step in unit.steps:
        monkeypatch.setattr(step, 'forward', lambda x: FieldSet(f + 2 for f in x.fields))
    monkeypatch.setattr(unit.split, 'forward', lambda x: FieldSet({1}))
    monkeypatch.setattr(torch, 'cat', lambda outputs, dim: outputs)
    # The table has the split that passes unchanged in front.
    assert [set(y.fields) for y in unit.features(None)] == [{3}, {3, 5}, {3, 5, 7}, {1}]


def test_receptive_fields_of_osnet_equal_table_2():
    unit = unit_of('osnet')
    for parameter in unit.parameters():
        nn.init.constant_(parameter, 0.01)  # nothing cancels
    outputs = []
    for stream in unit.streams:
        stream.register_forward_hook(lambda *args: outputs.append(args[2]))
    x = torch.ones(1, 64, 31, 31, requires_grad=True)
    unit(x)
    extents = []
    for y in outputs:
        grad, = torch.autograd.grad(y[0, 0, 15, 15], x, retain_graph=True)
        support = grad[0].abs().sum(0).nonzero()
        extents.append((support.max(0).values - support.min(0).values + 1).tolist())
    assert extents == [[3, 3], [5, 5], [7, 7], [9, 9]]


# ------------------------------------------------------------------------------------------ options

@pytest.mark.parametrize('unit', COMPARED)
@pytest.mark.parametrize('options', [dict(num_branches=2), dict(num_branches=6),
                                     dict(branch_width=7), dict(expansion=2)])
def test_branches_and_widths(unit, options):
    plain = RSN(**TINY, unit=unit)
    model = RSN(**TINY, unit=unit, **options)
    assert model(image())[0][-1].shape == (2, 256, 16, 16)
    sizes = [sum(p.numel() for p in m.stages[0].encoder.parameters()) for m in (plain, model)]
    assert sizes[0] != sizes[1]  # it had an effect


@pytest.mark.parametrize('flat, nested', [
    (dict(), dict(unit=dict(type='rsb'))),
    (dict(num_branches=3), dict(unit=dict(type='rsb', num_branches=3))),
    (dict(variant='released', branch_width=20),
     dict(unit=dict(type='rsb', variant='released'), branch_width=20)),
    (dict(unit='dense', expansion=2), dict(unit=dict(type='dense', expansion=2))),
    (dict(unit='res2net', branch_width=20), dict(unit='rsn_mm.res2net', branch_width=20)),
    (dict(unit='basic'), dict(unit=BasicUnit)),
    (dict(unit='basic'), dict(unit=dict(type=BasicUnit))),
    (dict(unit='basic'), dict(unit='rsn_mm.models.units.BasicUnit')),
    # set back to the default in a config whose base sets it
    (dict(unit='basic'), dict(unit='basic', variant='paper', num_branches=4)),
    (dict(), dict(variant='paper', num_branches=4)),
], ids=str)
def test_options_of_the_unit_may_stand_in_its_config(flat, nested):
    shapes = [{key: value.shape for key, value in RSN(**TINY, **options).state_dict().items()}
              for options in (flat, nested)]
    assert shapes[0] == shapes[1]


MY_PACKAGE = """
from rsn_mm.models.layers import ConvNormAdd, conv_norm
from rsn_mm.models.units import BasicUnit, ResidualUnit
from rsn_mm.registry import UNITS


@UNITS.register_module()
class Grouped(ResidualUnit):

    def __init__(self, in_channels, planes, *, groups=4, stride=1, norm_cfg, **common):
        super().__init__(in_channels, planes, stride=stride, norm_cfg=norm_cfg, **common)
        self.conv = conv_norm(
            in_channels, planes, 3, stride=stride, groups=groups, norm_cfg=norm_cfg)
        self.fuse = conv_norm(planes, self.out_channels, norm_cfg=norm_cfg, module=ConvNormAdd)

    def features(self, x):
        return self.conv(x)
"""


@pytest.mark.parametrize('unit', ['Grouped', 'my_units.Grouped'])
def test_a_unit_from_another_package(unit, tmp_path):
    """A config brings it with ``custom_imports``; all options of the backbone work with it."""
    (tmp_path / 'my_units.py').write_text(MY_PACKAGE)
    (tmp_path / 'config.py').write_text(f"""
        custom_imports = dict(imports=['rsn_mm', 'my_units'], allow_failed_imports=False)
        backbone = dict(
            type='rsn_mm.RSN', depth=50, num_blocks=(1, 1, 1, 1), with_cp=True,
            zero_init_residual=True, unit=dict(type={unit!r}, groups=8))
        """.replace('\n        ', '\n'))
    run_fresh(f"""
        import torch
        from mmengine.config import Config
        from mmengine.registry import MODELS
        config = Config.fromfile({str(tmp_path / 'config.py')!r})
        model = MODELS.build(config.backbone)
        model.init_weights()
        unit = model.stages[0].encoder.levels[1][0]
        assert type(unit).__name__ == 'Grouped' and unit.conv.conv.groups == 8
        assert unit.out_channels == 4 * 128 and (unit.fuse.norm.weight == 0).all()
        model(torch.randn(2, 3, 64, 64))[0][-1].mean().backward()
        assert all(p.grad is not None for p in model.parameters())
        for name, known in (('num_branches', 'expansion, groups'), ('widths', 'groups')):
            try:
                MODELS.build(dict(config.backbone, unit=dict(type={unit!r}, **{{name: 3}})))
            except ValueError as error:
                assert f'has no option {{name}}' in str(error) and known in str(error), error
            else:
                raise AssertionError(name)
        """, [tmp_path])


def test_the_page_of_networks_describes_every_unit():
    page = (ROOT / 'docs/networks.md').read_text()
    table, = re.findall(r'^\| `unit` \|.*?\n\n', page, re.M | re.S)
    described = re.findall(r'^\| `(\w+)` \|', table, re.M)[1:]
    assert sorted(described) == sorted(
        name for name, unit in UNITS.module_dict.items() if unit.__module__.startswith('rsn_mm.'))


class Wrong(ResidualUnit):
    """A unit with at most one mistake."""

    mistake = ''

    def __init__(self, in_channels, planes, *, stride=1, norm_cfg, **common):
        if self.mistake != 'super':
            super().__init__(in_channels, planes, stride=stride, norm_cfg=norm_cfg, **common)
        self.conv = conv_norm(in_channels, planes, 3, norm_cfg=norm_cfg,
                              stride=1 if self.mistake == 'stride' else stride)
        if self.mistake != 'fuse':
            self.fuse = conv_norm(
                planes // 2 if self.mistake == 'channels' else planes, norm_cfg=norm_cfg,
                out_channels=planes if self.mistake == 'out_channels' else self.out_channels,
                module=ConvNormAdd)

    def features(self, x):
        return self.conv(x)[:, :20] if self.mistake == 'conv' else self.conv(x)


@pytest.mark.parametrize('mistake, message', [
    ('', None),
    ('super', r'the unit Wrong fails .*cannot assign module before Module.__init__\(\) call'),
    ('fuse', "the unit Wrong fails .*no attribute 'fuse'"),
    ('channels', 'Wrong.features gives 64 channels, but Wrong.fuse takes 32'),
    ('conv', 'Wrong.features gives 20 channels, but Wrong.fuse takes 64'),
    ('stride', r'with stride=2, the shortcut has the shape \(1, 256, 4, 4\), but fuse gives '
     r'\(1, 256, 8, 8\): exactly one layer must have the stride'),
    ('out_channels', r'has the shape \(1, 256, 4, 4\), but fuse gives \(1, 64, 4, 4\)'),
])
def test_a_mistake_in_a_unit_names_it(mistake, message):
    options = dict(TINY, depth=50, unit=type('Wrong', (Wrong, ), dict(mistake=mistake)))
    for _ in range(2):  # it is not forgotten
        if message is None:
            RSN(**options)
        else:
            with pytest.raises(OptionError, match=message):
                RSN(**options)


def test_a_unit_is_checked_once_for_each_set_of_options():
    calls = []

    class Counted(BasicUnit):

        def features(self, x):
            calls.append(x.device.type)
            return super().features(x)

    for groups in (1, 1, 2, 2):
        RSN(**TINY, unit=Counted, norm_cfg=dict(type='GN', num_groups=groups))
    assert calls == ['meta'] * 2


@pytest.mark.parametrize('unit', COMPARED)
def test_given_width(unit):
    """The same rule for all: so many channels where the base is 64, twice as many one level on."""
    levels = RSN(**TINY, unit=unit, branch_width=10).stages[0].encoder.levels
    layers = [getattr(level[0], 'split' if unit == 'res2net' else 'entry') for level in levels]
    splits = 4 if unit == 'res2net' else 1
    assert [entry.conv.out_channels for entry in layers] == [
        10 * splits, 20 * splits, 40 * splits, 80 * splits]


@pytest.mark.parametrize('unit', UNIT_NAMES)
def test_without_norms(unit):
    model = RSN(**TINY, unit=unit, norm_cfg=None)
    assert not [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    model(image())[0][-1].mean().backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None]


@pytest.mark.parametrize('num_branches', [2, 3, 5, 6])
@pytest.mark.parametrize('channels', [64, 256])
def test_width_of_equal_cost_is_the_nearest(num_branches, channels):
    def cost(width):
        return rsb_cost(width, channels, num_branches)

    found = equal_cost_width(cost, 64, channels)
    target = 2 * channels * 104 + 10 * 9 * 26**2  # by hand: four branches of 26 channels
    assert found == min(range(1, 200), key=lambda width: abs(cost(width) - target))


def test_widths_of_the_rsb():
    def widths(**options):
        levels = RSN(depth=18, num_blocks=(1, 1, 1, 1), **options).stages[0].encoder.levels
        return [level[0].branches[0][0].conv.out_channels for level in levels]

    assert widths() == widths(num_branches=4) == [26, 52, 104, 208]
    assert widths(num_branches=2) == [48, 96, 192, 383]
    assert widths(num_branches=6) == [18, 36, 72, 143]
    # a given width is what it says, and the released rule knows no other
    assert widths(num_branches=2, branch_width=26) == [26, 52, 104, 208]
    assert widths(num_branches=2, variant='released') == [26, 26, 52, 104]


# ------------------------------------------------------------------------------ test-time form

@pytest.mark.parametrize('options', [
    *(dict(unit=unit) for unit in UNIT_NAMES), dict(num_branches=3),
    *(dict(prm=dict(type=name, position=position))
      for name in ('SE', 'CBAM') for position in ('feature', 'heatmap'))],
    ids=lambda options: '-'.join(map(str, options.values())))
def test_optimized_estimator_computes_the_same(options):
    init_default_scope('mmpose')
    prm = options.pop('prm', None)
    model = golden.fill(MODELS.build(dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(type='PoseDataPreprocessor'),
        backbone=dict(type='rsn_mm.RSN', **TINY, **options),
        head=dict(type='rsn_mm.MultiStageRSNHead', num_stages=1, out_channels=17, prm=prm,
                  decoder=dict(type='rsn_mm.RSNHeatmap', input_size=(64, 64))))))
    fast = optimize(model)
    assert not [m for m in fast.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        expected, found = (m.head.forward_last(m.extract_feat(image())) for m in (model, fast))
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
