"""The unit of Res2Net (Gao et al., TPAMI 2020), which the paper's Table 3 compares with."""

from typing import Any

import torch
from torch import Tensor, nn

from rsn_mm.registry import UNITS

from ..layers import ConvNormAdd, conv_norm, split_channels
from .base import ResidualUnit
from .branches import BRANCH_WIDTH, BRANCHES, check_branches, scaled_width

#: Width of a branch in units without expansion. "26w x 4s" refers to bottlenecks; at depth 18 it
#: would cost 1.5 GFLOPs, but the paper reports 2.2.
BRANCH_WIDTH_UNEXPANDED = 40


@UNITS.register_module(name='res2net')
class Res2NetUnit(ResidualUnit):
    """A bottleneck with a chain of small 3x3 convolutions in place of a single one.

    A 1x1 convolution makes ``num_branches`` splits ("scales") of ``b`` channels. Each split but
    the last has a 3x3 convolution, whose input is the split plus the output of the convolution
    before it. The last split stays as it is. All are concatenated and fused by a 1x1 convolution.

    The first 1x1 convolution has the stride, as in the RSB. This is inferred: Res2Net's authors
    put the stride into the 3x3 convolutions and break the chain there, which would cost 4.8 GFLOPs
    at depth 50, but the paper reports 4.5.

    Args:
        num_branches: Number of scales, 2 or more.
        branch_width: Channels of a split where the base is 64: ``b = planes * branch_width // 64``.
            The default is 26 with expansion and 40 without, for any ``num_branches``.

    Example:
        >>> unit = rsn_mm.models.units.Res2NetUnit(64, 64, expansion=4, norm_cfg=None)
        >>> tuple(unit(torch.zeros(1, 64, 16, 12)).shape)
        (1, 256, 16, 12)
        >>> unit.fused_features  # y1 is the split without a convolution
        ('y2', 'y3', 'y4', 'y1')
    """

    def __init__(self, in_channels: int, planes: int, *, num_branches: int = BRANCHES,
                 branch_width: int | None = None, stride: int = 1, norm_cfg: dict | None,
                 **common: Any) -> None:
        super().__init__(in_channels, planes, stride=stride, norm_cfg=norm_cfg, **common)
        check_branches(self, num_branches)
        if branch_width is None:
            is_expanded = self.out_channels > planes
            branch_width = BRANCH_WIDTH if is_expanded else BRANCH_WIDTH_UNEXPANDED
        width = scaled_width(planes, branch_width)
        self.split = conv_norm(in_channels, num_branches * width, stride=stride, norm_cfg=norm_cfg)
        self.steps = nn.ModuleList(
            conv_norm(width, width, 3, norm_cfg=norm_cfg) for _ in range(num_branches - 1))
        self.fuse = conv_norm(
            num_branches * width, self.out_channels, norm_cfg=norm_cfg, module=ConvNormAdd)

    @property
    def fused_features(self) -> tuple[str, ...]:
        # As in the paper's Table 2, where y1 is the split that no convolution sees.
        return (*(f'y{i + 2}' for i in range(len(self.steps))), 'y1')

    def features(self, x: Tensor) -> Tensor:
        *splits, last = split_channels(self.split(x), len(self.steps) + 1)
        outputs: list[Tensor] = []
        for split, step in zip(splits, self.steps):
            outputs.append(step(split + outputs[-1] if outputs else split))
        return torch.cat([*outputs, last], dim=1)
