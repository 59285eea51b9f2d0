"""The weights behind the figure are those of the fusing convolutions, branch by branch."""

import numpy as np
import pytest
import torch
from matplotlib.image import AxesImage
from mmpose.models.backbones import RSN as MMPoseRSN

from rsn_mm.analysis.branch_weights import branch_weights, draw_branch_weights
from rsn_mm.errors import OptionError
from rsn_mm.models import RSN

TINY = dict(depth=18, num_stages=2, num_blocks=(1, 2))
NAMES = dict(rsb=('y1', 'y2', 'y3', 'y4'), res2net=('y2', 'y3', 'y4', 'y1'),
             dense=('x0', 'x1', 'x2', 'x3', 'x4'))


def units(network: RSN) -> list:
    return [unit for stage in network.stages for level in stage.encoder.levels for unit in level]


def known(unit: str) -> tuple[RSN, list[np.ndarray]]:
    """A network with known weights of both signs, and the mean absolute ones of each branch."""
    network, means = RSN(unit=unit, **TINY), []
    for u, residual in enumerate(units(network)):
        weight = residual.fuse.conv.weight.data
        values = 1. + u + torch.arange(len(NAMES[unit])) * 0.1
        signs = torch.ones(len(weight))
        signs[::2] = -1
        per_channel = values.repeat_interleave(weight.shape[1] // len(values))
        weight.copy_((signs[:, None] * per_channel)[..., None, None])
        means.append(values.numpy())
    return network, means


@pytest.mark.parametrize('unit', NAMES)
def test_means_of_known_weights(unit):
    network, means = known(unit)
    found = branch_weights(network)
    assert [(w.stage, w.level, w.unit) for w in found] == [
        (stage, level, u) for stage in (1, 2) for level, u in ((1, 1), (2, 1), (2, 2))]
    for weights, expected in zip(found, means, strict=True):
        assert weights.branches == NAMES[unit]
        np.testing.assert_allclose(weights.means, expected, rtol=1e-6)
        np.testing.assert_allclose(
            weights.channels, np.broadcast_to(expected[:, None], weights.channels.shape), rtol=1e-6)


@pytest.mark.parametrize('unit', NAMES)
def test_the_names_are_those_of_the_features_that_are_fused(unit):
    """Without the weights of one branch, its feature no longer reaches the output."""
    residual = units(RSN(unit=unit, **TINY))[0].eval()
    x = torch.randn(1, 64, 6, 6)
    width = residual.fuse.conv.in_channels // len(residual.fused_features)
    features = residual.features(x).split(width, dim=1)
    assert len(features) == len(residual.fused_features) == len(NAMES[unit])
    if unit == 'res2net':  # y1 is the split that no 3x3 convolution has seen
        splits = residual.split(x).split(width, dim=1)
        assert features[-1].equal(splits[-1]) and residual.fused_features[-1] == 'y1'
    elif unit == 'dense':
        assert features[0].equal(residual.entry(x)) and residual.fused_features[0] == 'x0'
    else:
        assert features[0].equal(
            residual.branches[0][0](residual.split(x).split(width, dim=1)[0]))


def images_of(figure) -> list[AxesImage]:
    return [image for subfigure in figure.subfigs for axes in subfigure.axes
            for image in axes.images]


@pytest.mark.parametrize('unit', NAMES)
def test_the_figure_shows_the_weights(unit, tmp_path):
    network, _ = known(unit)
    weights = branch_weights(network)
    figure = draw_branch_weights(weights, title='a network')
    images = images_of(figure)
    last = [weights[2], weights[0], weights[5], weights[3]]  # of level 2 and 1, stages 1 and 2
    strips = [np.asarray(image.get_array()).ravel() for image in images[:4]]
    for unit_weights in last:
        assert any(strip.shape == unit_weights.channels.ravel().shape
                   and np.allclose(strip, unit_weights.channels.ravel()) for strip in strips)
    assert images[0].norm.vmin == 0
    assert images[0].norm.vmax == pytest.approx(max(w.channels.max() for w in last))
    for image, stage in zip(images[4:], (weights[:3], weights[3:]), strict=True):
        expected = [100 * (w.means / w.means.mean() - 1) for w in stage]
        np.testing.assert_allclose(image.get_array(), expected, rtol=1e-5)
        printed = [text.get_text() for text in image.axes.texts]
        assert printed == [f'{mean:.3f}' for w in stage for mean in w.means]
    figure.savefig(tmp_path / 'weights.png')
    assert draw_branch_weights(weights, limit=20.).subfigs[0].axes[0].images[0].norm.vmax == 20


@pytest.mark.parametrize('backbone, message', [
    (RSN(unit='bottleneck', **TINY), 'the units are Bottleneck, expected units that concatenate'),
    (RSN(unit='basic', **TINY), 'the units are BasicUnit'),
    (RSN(unit='osnet', **TINY), 'the units are OSNetUnit'),
    (MMPoseRSN(num_blocks=[1, 1, 1, 1]), "expected rsn_mm.RSN"),
    (None, 'the backbone is a NoneType'),
])
def test_what_has_no_branches_is_refused(backbone, message):
    with pytest.raises(OptionError, match=message):
        branch_weights(backbone)
