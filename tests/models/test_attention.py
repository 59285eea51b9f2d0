"""SE and CBAM in the place of the Pose Refine Machine."""

import numpy as np
import pytest
import torch
from torch import nn

from rsn_mm.models.heads import ConvBlockAttention, SqueezeExcitation
from tests import golden
from tests.models.test_heads import K, features, head, samples

CHANNELS = 32


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def parts(module: nn.Module, x: torch.Tensor) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """``K(x)``, and the weights of all that follows."""
    with torch.no_grad():
        return (module.conv(x).numpy(),
                {key: value.numpy() for key, value in module.state_dict().items()})


def channel_path(w: dict[str, np.ndarray], pooled: np.ndarray) -> np.ndarray:
    hidden = pooled @ w['channel_path.0.weight'][:, :, 0, 0].T + w['channel_path.0.bias']
    return (np.maximum(hidden, 0) @ w['channel_path.2.weight'][:, :, 0, 0].T
            + w['channel_path.2.bias'])


def inputs() -> torch.Tensor:
    return torch.randn(3, CHANNELS, 12, 9, generator=torch.Generator().manual_seed(1))


def test_se_equals_its_formula():
    module = golden.fill(SqueezeExcitation(CHANNELS, reduction=4))
    assert module.channel_path[0].out_channels == 8
    k, w = parts(module, inputs())
    expected = k * sigmoid(channel_path(w, k.mean((2, 3))))[:, :, None, None]
    with torch.no_grad():
        np.testing.assert_allclose(module(inputs()), expected, atol=1e-5)


def test_cbam_equals_its_formula():
    module = golden.fill(ConvBlockAttention(CHANNELS, reduction=4, kernel_size=3))
    k, w = parts(module, inputs())
    weights = sigmoid(channel_path(w, k.mean((2, 3))) + channel_path(w, k.max((2, 3))))
    y = k * weights[:, :, None, None]
    maps = np.pad(np.stack((y.mean(1), y.max(1)), 1), ((0, 0), (0, 0), (1, 1), (1, 1)))
    place = np.full((3, 12, 9), w['spatial_path.bias'][0])
    for i in range(3):
        for j in range(3):
            place += np.einsum('bcyx,c->byx', maps[:, :, i:i + 12, j:j + 9],
                               w['spatial_path.weight'][0, :, i, j])
    with torch.no_grad():
        np.testing.assert_allclose(module(inputs()), y * sigmoid(place)[:, None], atol=1e-5)


@pytest.mark.parametrize('name, attention', [
    ('SE', SqueezeExcitation), ('CBAM', ConvBlockAttention),
    ('rsn_mm.CBAM', ConvBlockAttention), (SqueezeExcitation, SqueezeExcitation)])
@pytest.mark.parametrize('position, channels', [('feature', CHANNELS), ('heatmap', K)])
def test_stands_where_the_prm_stands(name, attention, position, channels):
    module = head(prm=dict(type=name, position=position))
    found = {n: m for n, m in module.named_modules() if isinstance(m, attention)}
    place = f'predictors.1.3.{dict(feature="feature", heatmap="refine")[position]}'
    assert list(found) == [place] and found[place].conv.conv.in_channels == channels
    assert module(features())[-1][-1].shape == (3, K, 16, 12)
    assert not head().state_dict().keys() - module.state_dict().keys() - {
        key for key in head().state_dict() if key.startswith('predictors.1.3.feature.')}


@pytest.mark.parametrize('name', ['SE', 'CBAM'])
@pytest.mark.parametrize('position', ['feature', 'heatmap'])
def test_every_parameter_learns_from_a_batch_of_one(name, position):
    module = head(prm=dict(type=name, position=position)).train()
    module.loss(features(batch=1), samples(batch=1))['loss_kpt'].backward()
    assert not [name for name, p in module.named_parameters() if p.grad is None]


def test_norm_and_options_reach_the_attention():
    module = head(norm_cfg=dict(type='GN', num_groups=8),
                  prm=dict(type='CBAM', position='feature', reduction=2, kernel_size=5))
    attention = module.predictors[-1][-1].feature
    assert isinstance(attention.conv.norm, nn.GroupNorm)
    assert attention.channel_path[0].out_channels == CHANNELS // 2
    assert attention.spatial_path.kernel_size == (5, 5)


@pytest.mark.parametrize('prm, message', [
    (dict(type='ECA'), r"prm type 'ECA', expected one of \('PoseRefineMachine', 'SE', 'CBAM'\)"),
    (dict(type='SE', reduction=0), 'SE: reduction=0'),
    (dict(type='CBAM', reduction=-1), 'CBAM: reduction=-1'),
    (dict(type='CBAM', kernel_size=4), 'CBAM: kernel_size=4'),
])
def test_bad_options(prm, message):
    with pytest.raises(ValueError, match=message):
        head(prm=dict(position='feature', **prm))


def test_option_of_another_attention_is_refused():
    with pytest.raises(TypeError, match='kernel_size'):
        head(prm=dict(type='SE', position='feature', kernel_size=7))
