"""Residual Steps Block, the unit of RSN (paper, section 3.1 and Fig. 2c)."""

import torch
from torch import Tensor, nn

from ..layers import SummedConv, conv_norm, split_channels
from .base import ResidualUnit
from .width import BRANCH_WIDTH, BRANCHES, equal_cost_width, rsb_cost, scaled_width


class ResidualStepsBlock(ResidualUnit):
    """Branches of one, two, three, ... 3x3 convolutions, joined by sums.

    A 1x1 convolution (with the unit's stride) makes ``num_branches`` splits of ``b`` channels.
    Branch ``i`` (from 1) has ``i`` 3x3 convolutions; its ``j``-th one sees the output before it in
    the branch (at first the split) plus, while ``j < i``, the ``j``-th output of branch ``i - 1``.
    The last outputs of all branches are concatenated and fused by a 1x1 convolution.

    Args:
        num_branches: 2 or more; the paper's network has 4.
        branch_width: Channels of a branch where the base is 64: ``b = base * branch_width // 64``;
            26 by default. With another number of branches than 4 the default of the variant
            ``'paper'`` is the width at which the unit costs the same (its Table 4 compares 2 to 6
            branches at "unchanged capacity", without widths).
        variant: What the base is: ``'paper'``, the level's planes; ``'released'``, the unit's input
            channels, as in the released code.
    """

    options = frozenset({'num_branches', 'branch_width', 'variant'})

    def __init__(self, in_channels: int, planes: int, *, expansion: int, stride: int = 1,
                 norm_cfg: dict, with_cp: bool = False, num_branches: int = BRANCHES,
                 branch_width: int | None = None, variant: str = 'paper') -> None:
        super().__init__(in_channels, planes, expansion=expansion, stride=stride,
                         norm_cfg=norm_cfg, with_cp=with_cp)
        if branch_width is None and variant == 'paper':
            width = equal_cost_width(
                lambda w: rsb_cost(w, self.out_channels, num_branches), planes, self.out_channels)
        else:
            base = planes if variant == 'paper' else in_channels
            width = scaled_width(base, branch_width or BRANCH_WIDTH)
        self.split = conv_norm(in_channels, num_branches * width, stride=stride, norm_cfg=norm_cfg)
        self.branches = nn.ModuleList(
            nn.ModuleList(conv_norm(width, width, 3, norm_cfg=norm_cfg) for _ in range(i + 1))
            for i in range(num_branches))
        self.fuse = conv_norm(
            num_branches * width, self.out_channels, norm_cfg=norm_cfg, module=SummedConv)

    @staticmethod
    def default_expansion(depth: int, variant: str) -> int:
        return 4 if variant == 'paper' and depth >= 50 else 1

    def features(self, x: Tensor) -> Tensor:
        splits = split_channels(self.split(x), len(self.branches))
        above: list[Tensor] = []  # outputs of the branch before this one
        last = []
        for split, branch in zip(splits, self.branches):
            y, outputs = split, []
            for j, step in enumerate(branch):
                y = step(y + above[j] if j < len(above) else y)
                outputs.append(y)
            above = outputs
            last.append(y)
        return torch.cat(last, dim=1)
