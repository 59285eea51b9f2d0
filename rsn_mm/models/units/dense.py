"""A unit in the style of DenseNet (Huang et al., CVPR 2017), for the comparison of Fig. 4.

The paper says neither how its DenseNets of several sizes were built nor what they cost. This unit
is inferred from the paper's argument that RSN has the connections of DenseNet, but adds features
where DenseNet concatenates them.
"""

from typing import Any

import torch
from torch import Tensor, nn

from rsn_mm.registry import UNITS

from ..layers import ConvNormAdd, conv_norm
from .base import ResidualUnit
from .branches import BRANCHES, check_branches, equal_cost_width, scaled_width


@UNITS.register_module(name='dense')
class DenseUnit(ResidualUnit):
    """3x3 convolutions, each of which sees the concatenated outputs of all layers before it.

    A 1x1 convolution (with the unit's stride) makes ``b`` channels, every 3x3 convolution adds
    ``b`` more (DenseNet's growth), and a 1x1 convolution (its transition) fuses all of them. Two
    things differ from DenseNet: a convolution comes before its norm, and the unit has a shortcut
    like all units here.

    Args:
        num_branches: Number of 3x3 convolutions, 2 or more.
        branch_width: Growth where the base is 64: ``b = planes * branch_width // 64``. By default
            it is such that the unit costs as much as an RSB of four branches.

    Example:
        >>> unit = rsn_mm.models.units.DenseUnit(64, 64, branch_width=16, norm_cfg=None)
        >>> tuple(unit(torch.zeros(1, 64, 16, 12)).shape)
        (1, 64, 16, 12)
        >>> [layer.in_channels for layer in unit.layers]  # each sees all before it
        [16, 32, 48, 64]
    """

    def __init__(self, in_channels: int, planes: int, *, num_branches: int = BRANCHES,
                 branch_width: int | None = None, stride: int = 1, norm_cfg: dict | None,
                 **common: Any) -> None:
        super().__init__(in_channels, planes, stride=stride, norm_cfg=norm_cfg, **common)
        check_branches(self, num_branches)
        channels, convs = self.out_channels, num_branches * (num_branches + 1) // 2
        width = equal_cost_width(
            lambda w: (num_branches + 2) * channels * w + 9 * convs * w**2, planes, channels
        ) if branch_width is None else scaled_width(planes, branch_width)
        self.entry = conv_norm(in_channels, width, stride=stride, norm_cfg=norm_cfg)
        self.layers = nn.ModuleList(
            conv_norm((i + 1) * width, width, 3, norm_cfg=norm_cfg) for i in range(num_branches))
        self.fuse = conv_norm(
            (num_branches + 1) * width, channels, norm_cfg=norm_cfg, module=ConvNormAdd)

    @property
    def fused_features(self) -> tuple[str, ...]:
        return tuple(f'x{i}' for i in range(len(self.layers) + 1))

    def features(self, x: Tensor) -> Tensor:
        outputs = [self.entry(x)]
        for layer in self.layers:
            outputs.append(layer(torch.cat(outputs, dim=1)))
        return torch.cat(outputs, dim=1)
