import copy

import pytest
import torch

from rsn_mm.models.decoder import DecoderUnit, resize
from rsn_mm.models.layers import BN
from tests import golden

SIZE_HW = (12, 9)


def plain(unit, x, coarser):
    """As the paper draws it: resize, then convolve."""
    up = resize(coarser, SIZE_HW)
    for layer in (unit.up.conv, *([unit.up.norm] if unit.up.with_norm else [])):
        up = layer(up)
    lateral = unit.lateral.conv(x)
    if unit.lateral.with_norm:
        lateral = unit.lateral.norm(lateral)
    return (lateral + up).clamp(min=0)


@pytest.mark.parametrize('norm_cfg', [BN, dict(type='GN', num_groups=4), None])
@pytest.mark.parametrize('training', [True, False])
def test_convolving_before_the_resize_changes_nothing(norm_cfg, training):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 6, *SIZE_HW, generator=generator, dtype=torch.float64)
    coarser = torch.randn(3, 8, 6, 5, generator=generator, dtype=torch.float64)
    found = golden.fill(DecoderUnit(6, 8, coarsest=False, norm_cfg=norm_cfg, with_cp=False))
    found.double().train(training)
    expected = copy.deepcopy(found)
    inputs = [[tensor.clone().requires_grad_() for tensor in (x, coarser)] for _ in range(2)]
    outputs = [found(*inputs[0]), plain(expected, *inputs[1])]
    weights = torch.randn(outputs[0].shape, generator=generator, dtype=torch.float64)
    for output in outputs:
        (output * weights).sum().backward()
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(inputs[0][0].grad, inputs[1][0].grad)
    torch.testing.assert_close(inputs[0][1].grad, inputs[1][1].grad)
    for a, b in zip(found.parameters(), expected.parameters()):
        torch.testing.assert_close(a.grad, b.grad)
    torch.testing.assert_close(found.state_dict(), expected.state_dict())


def test_a_resize_to_the_same_size_is_left_out():
    x = torch.randn(1, 2, *SIZE_HW)
    assert resize(x, SIZE_HW) is x
