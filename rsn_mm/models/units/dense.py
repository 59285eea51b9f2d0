"""A unit in the style of DenseNet (Huang et al., CVPR 2017), which the paper's Fig. 4 compares.

The paper says neither how its DenseNets of several sizes were built nor what they cost; what is
here is inferred from its argument that RSN takes DenseNet's connections and sums where that
concatenates.
"""

import torch
from torch import Tensor, nn

from ..layers import SummedConv, conv_norm
from .base import ResidualUnit
from .width import BRANCHES, equal_cost_width, scaled_width


class DenseUnit(ResidualUnit):
    """3x3 convolutions that each see the outputs of all before them, concatenated.

    A 1x1 convolution (with the unit's stride) makes ``b`` channels, every 3x3 convolution adds
    ``b`` more (DenseNet's growth), and a 1x1 convolution (its transition) fuses all of them.
    Unlike in DenseNet a convolution precedes its norm, and the unit has the shortcut of the others.

    Args:
        num_branches: 3x3 convolutions, 2 or more.
        branch_width: The growth where the base is 64: ``b = planes * branch_width // 64``; by
            default what makes the unit cost as much as an RSB of four branches.
    """

    options = frozenset({'num_branches', 'branch_width'})

    def __init__(self, in_channels: int, planes: int, *, expansion: int, stride: int = 1,
                 norm_cfg: dict, with_cp: bool = False, num_branches: int = BRANCHES,
                 branch_width: int | None = None) -> None:
        super().__init__(in_channels, planes, expansion=expansion, stride=stride,
                         norm_cfg=norm_cfg, with_cp=with_cp)
        channels, convs = self.out_channels, num_branches * (num_branches + 1) // 2
        width = scaled_width(planes, branch_width) if branch_width else equal_cost_width(
            lambda w: (num_branches + 2) * channels * w + 9 * convs * w**2, planes, channels)
        self.entry = conv_norm(in_channels, width, stride=stride, norm_cfg=norm_cfg)
        self.layers = nn.ModuleList(
            conv_norm((i + 1) * width, width, 3, norm_cfg=norm_cfg) for i in range(num_branches))
        self.fuse = conv_norm(
            (num_branches + 1) * width, channels, norm_cfg=norm_cfg, module=SummedConv)

    def features(self, x: Tensor) -> Tensor:
        outputs = [self.entry(x)]
        for layer in self.layers:
            outputs.append(layer(torch.cat(outputs, dim=1)))
        return torch.cat(outputs, dim=1)
