"""Packed convolutions compute what the plain ones do, whenever their weights change."""

import copy
import pickle

import pytest
import torch
from mmcv.cnn import ConvModule
from torch import nn
from torch.nn.functional import relu

from rsn_mm.models.units import BasicUnit
from rsn_mm.optimization import packed_conv
from rsn_mm.optimization.packed_conv import PackedConv, PackedHeatmapConv, pack_convs
from rsn_mm.processors import has_bfloat16

ON_CPU = pytest.mark.skipif(packed_conv._OPS is None, reason='this torch is built without oneDNN')


def image(channels: int = 6, dtype=torch.float32, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, channels, 9, 7, generator=generator).to(dtype)


def conv(seed: int = 0, **options) -> nn.Conv2d:
    torch.manual_seed(seed)
    return nn.Conv2d(6, **{'out_channels': 10, 'kernel_size': 3, 'padding': 1, **options}
                     ).requires_grad_(False)


def counted(monkeypatch) -> list:
    """A list that grows with every packing of weights."""
    class Ops:
        _reorder_convolution_weight = staticmethod(lambda *args: (
            packings.append(1), torch.ops.mkldnn._reorder_convolution_weight(*args))[1])
        _get_mkldnn_serialized_md = torch.ops.mkldnn._get_mkldnn_serialized_md
        _convolution_pointwise_ = torch.ops.mkldnn._convolution_pointwise_
        _convolution_pointwise = torch.ops.mkldnn._convolution_pointwise

    packings = []
    monkeypatch.setattr(packed_conv, '_OPS', Ops)
    return packings


@pytest.mark.parametrize('options', [
    dict(), dict(kernel_size=1, padding=0), dict(stride=2), dict(bias=False),
    dict(kernel_size=7, padding=3, stride=2), dict(groups=2), dict(dilation=2, padding=2)])
@pytest.mark.parametrize('with_relu', [False, True])
@pytest.mark.parametrize('memory_format', [torch.channels_last, torch.contiguous_format])
def test_equals_the_plain_convolution(options, with_relu, memory_format):
    plain = conv(**options).to(memory_format=memory_format)
    packed = PackedConv(plain, relu=with_relu)
    for seed in range(2):
        x = image(seed=seed).to(memory_format=memory_format)
        expected = relu(plain(x)) if with_relu else plain(x)
        torch.testing.assert_close(packed(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('addend_dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('may_overwrite', [False, True])
@pytest.mark.parametrize('with_relu', [False, True])
@pytest.mark.parametrize('memory_format', [torch.channels_last, torch.contiguous_format])
def test_sum_and_relu_equal_plain_ones(dtype, addend_dtype, may_overwrite, with_relu,
                                       memory_format):
    plain, x = conv(), image(dtype=dtype)
    addend = image(channels=10, dtype=addend_dtype, seed=1).to(memory_format=memory_format)
    expected = plain(x.float()) + addend
    expected = relu(expected) if with_relu else expected
    before = addend.clone()
    packed = PackedConv(copy.deepcopy(plain).to(dtype), relu=with_relu)
    found = packed(x, addend, may_overwrite_addend=may_overwrite)
    assert found.dtype == torch.promote_types(dtype, addend_dtype)
    tolerance = 1e-5 if dtype == addend_dtype == torch.float32 else 2e-2
    torch.testing.assert_close(found.float(), expected, atol=tolerance, rtol=tolerance)
    assert may_overwrite or torch.equal(addend, before)


@ON_CPU
def test_the_memory_of_the_addend_is_taken_where_that_is_allowed():
    packed = PackedConv(conv(), relu=True)
    addend = image(channels=10, seed=1).to(memory_format=torch.channels_last)
    assert packed(image(), addend, may_overwrite_addend=True).data_ptr() == addend.data_ptr()
    assert packed(image(), addend).data_ptr() != addend.data_ptr()


@ON_CPU
@pytest.mark.skipif(not has_bfloat16(), reason='this processor has no bfloat16')
def test_the_bias_is_added_before_rounding():
    plain, x = conv().to(torch.bfloat16), image(dtype=torch.bfloat16)
    bias = torch.linspace(100, 200, 10) + 0.3
    plain.bias.data = bias
    exact = nn.functional.conv2d(x.double(), plain.weight.double(), bias.double(), padding=1)
    assert torch.equal(PackedConv(plain)(x), exact.bfloat16())


@ON_CPU
def test_packs_once_and_again_when_the_weights_change(monkeypatch):
    packings, plain = counted(monkeypatch), conv()
    packed = PackedConv(plain)
    for _ in range(3):
        packed(image())
    assert len(packings) == 1
    packed.load_state_dict(PackedConv(conv(seed=1)).state_dict())
    torch.testing.assert_close(packed(image()), conv(seed=1)(image()))
    packed.to(torch.float64).to(torch.float32)
    packed(image())
    assert len(packings) == 3
    packed.load_state_dict(PackedConv(conv(seed=2)).state_dict(), assign=True)
    torch.testing.assert_close(packed(image()), conv(seed=2)(image()))
    packed.conv.weight.zero_()
    torch.testing.assert_close(packed(image())[0, :, 0, 0], packed.conv.bias)


def layout(weight) -> bytes:
    return torch.ops.mkldnn._get_mkldnn_serialized_md(weight).numpy().tobytes()


@ON_CPU
@pytest.mark.parametrize(('channels', 'kernel'), [(256, 1), (256, 3), (64, 7)])
def test_every_batch_size_has_the_layout_that_onednn_would_choose(monkeypatch, channels, kernel):
    """A network that began with single images would otherwise reorder weights in every batch."""
    padding = kernel // 2, kernel // 2
    weight = torch.randn(channels, channels, kernel, kernel)
    packed = packed_conv.PackedWeight(weight, padding, (1, 1), (1, 1), 1)
    shapes = [torch.Size((batch, channels, 8, 6)) for batch in (1, 8, 2, 1, 8)]
    found = [packed.for_input(shape) for shape in shapes]
    for shape, each in zip(shapes, found, strict=True):
        assert layout(each) == layout(torch.ops.mkldnn._reorder_convolution_weight(
            weight, padding, (1, 1), (1, 1), 1, shape))
    # The memory is that of the layouts, not of the shapes.
    assert len({id(each) for each in found}) == len({layout(each) for each in found})
    packings = counted(monkeypatch)
    assert all(packed.for_input(shape) is each for shape, each in zip(shapes, found, strict=True))
    assert packings == []


@ON_CPU
def test_the_shapes_that_are_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr(packed_conv, 'MAX_SHAPES', 2)
    packings, plain = counted(monkeypatch), conv()
    packed = PackedConv(plain)
    for size in (3, 4, 5, 4, 5):  # the third makes room by forgetting the first two
        x = torch.ones(1, 6, size, size)
        torch.testing.assert_close(packed(x), plain(x))
    assert len(packings) == 4


@ON_CPU
def test_bfloat16(monkeypatch):
    packings, plain = counted(monkeypatch), conv().to(torch.bfloat16)
    x = image(dtype=torch.bfloat16)
    torch.testing.assert_close(PackedConv(plain)(x), plain(x), atol=2e-2, rtol=2e-2)
    assert len(packings) == has_bfloat16()


def test_plain_where_the_processor_cannot_or_gradients_are_wanted(monkeypatch):
    packings = counted(monkeypatch)
    packed = PackedConv(conv(), relu=True)
    x = image().requires_grad_()
    packed(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert packed(image()[:0]).shape == (0, 10, 9, 7)
    double = copy.deepcopy(packed).double()
    assert double(image(dtype=torch.float64)).dtype == torch.float64
    assert packed.to('meta')(image().to('meta')).shape == (2, 10, 9, 7)
    assert packings == []


@pytest.mark.parametrize('joints', [17, 18, 19, 33])
@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('memory_format', [torch.channels_last, torch.contiguous_format])
def test_heatmaps_computed_tap_by_tap(joints, bias, memory_format):
    plain = conv(out_channels=joints, bias=bias).to(memory_format=memory_format)
    assert PackedHeatmapConv.fits(plain)
    packed = PackedHeatmapConv(plain)
    for seed in range(2):
        x = image(seed=seed).to(memory_format=memory_format)
        torch.testing.assert_close(packed(x), plain(x), atol=1e-5, rtol=1e-5)
        plain.weight.mul_(2)
        if bias:
            plain.bias.add_(1)


@pytest.mark.parametrize('options', [
    dict(out_channels=10), dict(out_channels=1), dict(out_channels=16), dict(out_channels=21),
    dict(stride=2), dict(padding=0), dict(dilation=2), dict(kernel_size=1), dict(groups=2)])
def test_other_convolutions_are_not_computed_tap_by_tap(options):
    assert not PackedHeatmapConv.fits(conv(**{'out_channels': 18, **options}))


@ON_CPU
def test_heatmaps_are_packed_once_in_two_parts(monkeypatch):
    packings, packed = counted(monkeypatch), PackedHeatmapConv(conv(out_channels=17))
    for _ in range(3):
        packed(image())
    assert len(packings) == 2


def test_heatmaps_where_gradients_are_wanted():
    plain = conv(out_channels=17)
    x = image().requires_grad_()
    found, = torch.autograd.grad(PackedHeatmapConv(plain)(x).square().sum(), x)
    expected, = torch.autograd.grad(plain(x).square().sum(), x)
    torch.testing.assert_close(found, expected)


def test_copies_and_pickles():
    packed = PackedConv(conv())
    expected = packed(image())
    for twin in (copy.deepcopy(packed), pickle.loads(pickle.dumps(packed))):
        torch.testing.assert_close(twin(image()), expected, rtol=0, atol=0)


def test_traces_to_plain_operations():
    packed = PackedConv(conv(), relu=True)
    exported = torch.export.export(packed, (image(), ))
    assert not any('mkldnn' in str(node.target) for node in exported.graph.nodes)
    torch.testing.assert_close(exported.module()(image()), packed(image()))


def test_what_is_replaced():
    torch.manual_seed(0)
    kept = ConvModule(6, 6, 3, padding=1, padding_mode='reflect')
    net = nn.Sequential(
        ConvModule(6, 6, 1),  # ReLU
        ConvModule(6, 6, 1, act_cfg=dict(type='LeakyReLU')),
        ConvModule(6, 6, 1, norm_cfg=dict(type='GN', num_groups=2), act_cfg=None),
        ConvModule(6, 6, 3, padding=1, act_cfg=None),
        kept,
        nn.Conv2d(6, 6, 3, padding='same'),
        nn.Conv2d(6, 6, 1),
        ConvModule(6, 17, 3, padding=1),
        ConvModule(17, 17, 3, padding=1, act_cfg=None),
    ).requires_grad_(False).eval()
    expected = net(image())
    pack_convs(net)
    assert [type(m).__name__ for m in net] == [
        'PackedConv', 'ConvModule', 'ConvModule', 'PackedConv', 'ConvModule', 'Conv2d',
        'PackedConv', 'PackedConv', 'PackedHeatmapConv']
    assert [isinstance(net[i].conv, PackedConv) for i in (1, 2)] == [True, True]
    assert net[0].relu and not net[3].relu
    torch.testing.assert_close(net(image()), expected)


def test_sums_are_replaced():
    torch.manual_seed(0)
    unit = BasicUnit(6, 6, expansion=1, norm_cfg=None).requires_grad_(False).eval()
    expected = unit(image())
    pack_convs(unit)
    assert isinstance(unit.fuse, PackedConv) and unit.fuse.relu
    torch.testing.assert_close(unit(image()), expected)
