"""The backbone: its structure from the paper's tables, its options, its equality with MMPose's."""

import pytest
import torch
from mmengine.model import revert_sync_batchnorm
from mmpose.models.backbones import MSPN as MmposeMSPN
from mmpose.models.backbones import RSN as MmposeRSN
from torch import nn

from rsn_mm.conversion.formats import MMPOSE_MSPN, MMPOSE_RSN
from rsn_mm.conversion.layout import Layout
from rsn_mm.models import RSN
from rsn_mm.models.checkpointing import _frozen_statistics
from rsn_mm.models.layers import BN, conv_norm, norm_layers
from rsn_mm.models.units import ResidualStepsBlock
from rsn_mm.registry import UNITS

UNIT_NAMES = sorted(UNITS.module_dict)
TINY = dict(depth=18, num_blocks=(1, 1, 1, 1))
IMAGE = (2, 3, 64, 64)


def image(shape=IMAGE, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def randomize(model: nn.Module, seed: int = 0) -> nn.Module:
    """Random norms too, so that a missing or swapped one shows."""
    torch.manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if name.endswith('running_var') or (tensor.ndim == 1 and name.endswith('weight')):
            tensor.uniform_(0.5, 1.5)
        elif tensor.ndim == 1:
            tensor.normal_(0, 0.1)
    return model


# ------------------------------------------------------------------------ receptive fields, Table 1

#: Receptive fields of y(i, j) in the paper's Table 1.
TABLE_1 = {
    (1, 1): {3},
    (2, 1): {3, 5}, (2, 2): {5, 7},
    (3, 1): {3, 5, 7}, (3, 2): {5, 7, 9}, (3, 3): {7, 9, 11},
    (4, 1): {3, 5, 7, 9}, (4, 2): {5, 7, 9, 11}, (4, 3): {7, 9, 11, 13}, (4, 4): {9, 11, 13, 15},
}


class FieldSet:
    """Receptive fields in place of a feature: a sum joins two sets, a 3x3 convolution adds 2."""

    device = torch.device('meta')

    def __init__(self, fields):
        self.fields = frozenset(fields)

    def __add__(self, other: 'FieldSet') -> 'FieldSet':
        return FieldSet(self.fields | other.fields)

    def chunk(self, chunks: int, dim: int) -> list['FieldSet']:
        return [self] * chunks


def test_receptive_field_sets_equal_table_1(monkeypatch):
    unit = ResidualStepsBlock(64, 64, expansion=1, norm_cfg=dict(type='BN'))
    found = {}
    for i, branch in enumerate(unit.branches, 1):
        for j, step in enumerate(branch, 1):
            def walk(x, key=(i, j)):
                found[key] = FieldSet(field + 2 for field in x.fields)
                return found[key]
            monkeypatch.setattr(step, 'forward', walk)
    monkeypatch.setattr(unit.split, 'forward', lambda x: FieldSet({1}))
    monkeypatch.setattr(torch, 'cat', lambda outputs, dim: outputs)
    last = unit.features(None)
    assert {key: set(value.fields) for key, value in found.items()} == TABLE_1
    assert [set(y.fields) for y in last] == [TABLE_1[i, i] for i in range(1, 5)]


def test_largest_receptive_fields_measured_by_gradients():
    unit = ResidualStepsBlock(64, 64, expansion=1, norm_cfg=dict(type='BN')).eval()
    for parameter in unit.parameters():
        nn.init.constant_(parameter, 0.01)  # nothing cancels
    outputs = {}
    for i, branch in enumerate(unit.branches, 1):
        for j, step in enumerate(branch, 1):
            step.register_forward_hook(lambda *args, key=(i, j): outputs.update({key: args[2]}))
    x = torch.ones(1, 64, 31, 31, requires_grad=True)
    unit(x)
    for key, fields in TABLE_1.items():
        grad, = torch.autograd.grad(outputs[key][0, 0, 15, 15], x, retain_graph=True)
        support = grad[0].abs().sum(0).nonzero()
        extent = support.max(0).values - support.min(0).values + 1
        assert extent.tolist() == [max(fields)] * 2, key


# ---------------------------------------------------------------------- equality with MMPose's own

def copy_weights(theirs: nn.Module, ours: nn.Module, layout: Layout) -> None:
    names = {key: layout.foreign_name(f'backbone.{key}').removeprefix('backbone.')
             for key in ours.state_dict()}
    weights = theirs.state_dict()
    state = {key: weights[name] for key, name in names.items()}
    assert len(state) == len(weights)
    ours.load_state_dict(state)


@pytest.mark.parametrize('theirs, ours', [
    (MmposeRSN(num_stages=2, num_blocks=[2, 1, 1, 1]),
     dict(depth=18, num_stages=2, variant='released', num_blocks=(2, 1, 1, 1))),
    (MmposeMSPN(num_stages=2, num_blocks=[2, 1, 1, 1]),
     dict(depth=50, num_stages=2, unit='bottleneck', num_blocks=(2, 1, 1, 1))),
], ids=['RSN', 'MSPN'])
def test_equals_the_backbone_of_mmpose(theirs, ours):
    ours = RSN(**ours).eval()
    randomize(theirs).eval()
    with torch.no_grad():
        copy_weights(theirs, ours, MMPOSE_MSPN if isinstance(theirs, MmposeMSPN) else MMPOSE_RSN)
        expected, found = theirs(image()), ours(image())
    for expected_units, found_units in zip(expected, found, strict=True):
        for a, b in zip(expected_units, found_units, strict=True):
            assert (a - b).abs().max() <= 1e-5 * a.abs().max()


# ------------------------------------------------------------------------------------------ options

@pytest.mark.parametrize('unit', UNIT_NAMES)
@pytest.mark.parametrize('depth', [18, 50])
def test_shapes_and_gradients(unit, depth):
    model = RSN(depth=depth, num_stages=2, unit=unit, num_blocks=(1, 1, 1, 1))
    stages = model(image())
    assert [[tuple(f.shape) for f in units] for units in stages] == [
        [(2, 256, n, n) for n in (2, 4, 8, 16)]] * 2
    sum(f.mean() for units in stages for f in units).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None]


@pytest.mark.parametrize('num_branches', range(2, 7))
def test_branches(num_branches):
    model = RSN(**TINY, num_branches=num_branches)
    unit = model.stages[0].encoder.levels[0][0]
    assert [len(branch) for branch in unit.branches] == list(range(1, num_branches + 1))
    assert model(image())[0][-1].shape == (2, 256, 16, 16)


@pytest.mark.parametrize('variant, widths, channels', [
    ('paper', [26, 52, 104, 208], [256, 512, 1024, 2048]),
    ('released', [26, 26, 52, 104], [64, 128, 256, 512]),
])
def test_widths_of_the_variants(variant, widths, channels):
    model = RSN(depth=50, variant=variant, num_blocks=(1, 1, 1, 1), out_mode='pyramid')
    units = [level[0] for level in model.stages[0].encoder.levels]
    assert [unit.branches[0][0].conv.out_channels for unit in units] == widths
    assert model.out_channels == channels


def test_without_stage_skips_a_stage_is_a_network_on_the_finest_output_before_it():
    model = randomize(RSN(**TINY, num_stages=2, stage_skips=False)).eval()
    assert not [name for name in model.state_dict() if 'skip' in name]
    first, second = model.stages
    with torch.no_grad():
        found = model(image())
        outputs = first.decoder(first.encoder(model.stem(image()))).outputs
        expected = second.decoder(second.encoder(first.decoder.bridge.cross(outputs[-1]))).outputs
    torch.testing.assert_close(found, [outputs, expected])
    sum(f.mean() for units in model(image()) for f in units).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None]


def test_bottlenecks_without_expansion_at_depth_18():
    """The network of the released code's ResNet-18 baseline."""
    model = RSN(depth=18, unit='bottleneck', expansion=1, out_mode='pyramid')
    assert model.out_channels == [64, 128, 256, 512]
    units = [level[0] for level in model.stages[0].encoder.levels]
    assert [[conv.conv.out_channels for conv in unit.convs] for unit in units] == [
        [n] * 3 for n in (64, 128, 256, 512)]
    assert [f.shape[1] for f in model(image())] == model.out_channels


def test_pyramid_gives_the_levels_that_are_asked_for():
    every = randomize(RSN(**TINY, out_mode='pyramid')).eval()
    some = RSN(**TINY, out_mode='pyramid', out_indices=(1, 3)).eval()
    some.load_state_dict(every.state_dict())
    with torch.no_grad():
        features = every(image())
        torch.testing.assert_close(some(image()), (features[1], features[3]))
    assert some.out_channels == [every.out_channels[1], every.out_channels[3]]


def test_pyramid_has_no_unused_parameter():
    model = RSN(**TINY, num_stages=2, out_mode='pyramid')
    features = model(image())
    assert [f.shape[1:] for f in features] == [
        (c, n, n) for c, n in zip(model.out_channels, (16, 8, 4, 2))]
    sum(f.mean() for f in features).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_sizes_that_no_stride_divides():
    assert [f.shape[-2:] for f in RSN(**TINY)(image((1, 3, 70, 50)))[0]] == [
        (3, 2), (5, 4), (9, 7), (18, 13)]


@pytest.mark.parametrize('norm_cfg, norm', [
    (dict(type='SyncBN'), nn.SyncBatchNorm),
    (dict(type='GN', num_groups=32), nn.GroupNorm),
])
def test_norm_reaches_every_layer(norm_cfg, norm):
    model = RSN(**TINY, num_stages=2, norm_cfg=norm_cfg)
    convs = sum(isinstance(m, nn.Conv2d) for m in model.modules())
    norms = [m for m in model.modules() if isinstance(m, norm)]
    assert len(norms) == convs and not [
        m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and norm is not nn.BatchNorm2d]
    revert_sync_batchnorm(model)(image())


@pytest.mark.parametrize('unit', UNIT_NAMES)
def test_checkpointing_changes_no_result(unit):
    plain = RSN(**TINY, num_stages=2, unit=unit)
    saving = RSN(**TINY, num_stages=2, unit=unit, with_cp=True)
    saving.load_state_dict(plain.state_dict())
    outputs = []
    for model in (plain, saving):
        stages = model(image())
        sum(f.square().mean() for units in stages for f in units).backward()
        outputs.append([f for units in stages for f in units])
    torch.testing.assert_close(*outputs, rtol=0, atol=0)
    for (name, a), b in zip(plain.named_parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, msg=name)
    # Running statistics included: the second forward of a unit must not count again.
    torch.testing.assert_close(plain.state_dict(), saving.state_dict(), rtol=0, atol=0)


def test_statistics_are_frozen_for_synchronized_norms_too():
    norm = nn.SyncBatchNorm(4)  # one process: torch computes it as a plain one
    before = {key: value.clone() for key, value in norm.state_dict().items()}
    with _frozen_statistics(norm):
        norm(torch.randn(2, 4, 3, 3))
    torch.testing.assert_close(norm.state_dict(), before, rtol=0, atol=0)
    norm(torch.randn(2, 4, 3, 3))
    assert norm.num_batches_tracked == 1 and (norm.running_mean != 0).all()


def test_checkpointing_keeps_no_feature_inside_a_unit():
    def saved_bytes(with_cp: bool) -> int:
        model = RSN(**TINY, with_cp=with_cp)
        total = 0

        def pack(tensor):
            nonlocal total
            total += tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            model(image((2, 3, 128, 128)))
        return total

    assert saved_bytes(True) < 0.3 * saved_bytes(False)


def test_channels_last_is_only_a_memory_format():
    plain = randomize(RSN(**TINY)).eval()
    fast = RSN(**TINY, channels_last=True).eval()
    fast.load_state_dict(plain.state_dict())
    with torch.no_grad():
        expected, found = plain(image())[0], fast(image())[0]
    assert found[-1].is_contiguous(memory_format=torch.channels_last)
    for a, b in zip(expected, found, strict=True):
        assert (a - b).abs().max() <= 1e-5 * a.abs().max()


@pytest.mark.parametrize('frozen_stages', [-1, 0, 1, 2])
def test_frozen_stages(frozen_stages):
    model = RSN(**TINY, num_stages=2, frozen_stages=frozen_stages)
    frozen = [model.stem, *model.stages][:frozen_stages + 1]
    open_ = [model.stem, *model.stages][frozen_stages + 1:]
    model.train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    outputs = model(image())
    if frozen_stages < 2:
        outputs[-1][-1].sum().backward()
    assert not any(p.requires_grad for m in frozen for p in m.parameters())
    assert not any(norm.training for m in frozen for norm in norm_layers(m))
    assert all(p.requires_grad for m in open_ for p in m.parameters())
    moved = {k for k, v in model.state_dict().items() if not v.equal(before[k])}
    prefixes = ('stem', 'stages.0', 'stages.1')
    assert {p for p in prefixes if any(k.startswith(p) for k in moved)} == set(
        prefixes[frozen_stages + 1:])


def test_norm_eval():
    model = RSN(**TINY, norm_eval=True).train()
    assert model.training and not any(norm.training for norm in norm_layers(model))


def test_a_layer_draws_its_weights_once_and_anew_on_request():
    torch.manual_seed(0)
    expected = nn.Conv2d(8, 4, 3, bias=False).weight
    torch.manual_seed(0)
    layer = conv_norm(8, 4, 3, norm_cfg=BN)
    assert torch.equal(layer.conv.weight, expected)
    layer.init_weights()
    assert not torch.equal(layer.conv.weight, expected)


def test_init_is_kaiming_in_the_encoders_and_torchs_own_elsewhere():
    model = RSN(depth=18, num_stages=2)
    model.init_weights()
    seen = {True: 0, False: 0}
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 9000:
            in_encoder = '.encoder.' in name
            fan_out = module.out_channels * module.weight[0, 0].numel()
            # torch draws evenly from +-1 / sqrt(fan_in).
            expected = ((2 / fan_out) if in_encoder else 1 / module.weight[0].numel() / 3)**0.5
            assert module.weight.std().item() == pytest.approx(expected, rel=0.05), name
            seen[in_encoder] += 1
    assert seen[True] > 100 and seen[False] > 20 and model.stem.conv.conv.weight.numel() > 9000
    for norm in norm_layers(model):
        assert (norm.weight == 1).all() and (norm.bias == 0).all()


def test_given_init_reaches_every_layer():
    model = RSN(**TINY, num_stages=2, init_cfg=dict(type='Normal', layer='Conv2d', std=0.001))
    model.init_weights()
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.std().item() == pytest.approx(0.001, rel=0.2), name


@pytest.mark.parametrize('unit', UNIT_NAMES)
def test_zero_init_makes_units_identities(unit):
    model = RSN(**TINY, unit=unit, zero_init_residual=True)
    model.init_weights()
    last = model.stages[0].encoder.levels[-1][0]
    x = torch.randn(1, last.shortcut.conv.in_channels, 4, 4)
    torch.testing.assert_close(last(x), last.shortcut(x).relu())


@pytest.mark.parametrize('arguments, message', [
    (dict(depth=34), r'depth=34, expected one of \[18, 50, 101\]'),
    (dict(unit='resnext'), r"unit='resnext', expected one of \[.*'basic', 'bottleneck', "),
    (dict(unit='json'), "unit='json', expected one of"),  # a module
    (dict(unit='torch.nn.Conv2d'), "unit='torch.nn.Conv2d', expected one of"),
    (dict(unit=dict(num_branches=4)), 'unit=None, expected one of'),
    (dict(variant='big'), "variant='big'"),
    (dict(out_mode='last'), "out_mode='last'"),
    (dict(num_stages=0), 'num_stages=0'),
    (dict(num_branches=1), 'num_branches=1'),
    (dict(unit='dense', num_branches=1), 'DenseUnit: num_branches=1, expected 2 or more'),
    (dict(unit='osnet', num_branches=1), 'num_branches=1'),
    (dict(unit='res2net', num_branches=1), 'num_branches=1'),
    (dict(branch_width=0), 'branch_width=0'),
    (dict(unit='dense', branch_width=0), 'branch_width=0'),
    (dict(frozen_stages=3, num_stages=2), 'frozen_stages=3'),
    (dict(expansion=0), 'expansion=0, expected 1 or more'),
    (dict(num_blocks=(1, 0)), 'num_blocks=0, expected 1 or more'),
    (dict(num_blocks=()), 'levels=0, expected 1 or more'),
    (dict(out_mode='pyramid', unit_channels=64), 'unit_channels=64 has no effect'),
    (dict(out_indices=(1, 2)), "no effect with out_mode='stages', expected out_mode='pyramid'"),
    *((dict(out_mode='pyramid', out_indices=indices), r'some of \[0, 1, 2, 3\] in increasing order')
      for indices in [(), (2, 1), (1, 1), (0, 4), (-1, ), 3, (1., 2.5)]),
    (dict(stage_skips=False), 'stage_skips=False has no effect with one stage'),
    (dict(zero_init_residual=True, norm_cfg=None), 'norm_cfg is None'),
    (dict(unit='basic', num_branches=3),
     "unit 'basic' has no option num_branches; it has expansion"),
    (dict(unit='bottleneck', branch_width=20), "'bottleneck' has no option branch_width"),
    (dict(unit='bottleneck', variant='released'), "'bottleneck' has no option variant"),
    (dict(unit=dict(type='basic', num_branches=4)), "'basic' has no option num_branches"),
    (dict(unit=dict(type='rsb', stride=2)), "'rsb' has no option stride"),
    (dict(unit=dict(type='rsb', num_branches=3), num_branches=5),
     'num_branches=5, but its unit has num_branches=3'),
])
def test_bad_options(arguments, message):
    with pytest.raises(ValueError, match=message):
        RSN(**arguments)
