"""Residual Steps Block, the unit of RSN (paper, section 3.1 and Fig. 2c)."""

from typing import Any

import torch
from torch import Tensor, nn

from rsn_mm.errors import OptionError
from rsn_mm.registry import UNITS

from ..layers import ConvNormAdd, conv_norm, split_channels
from .base import ResidualUnit
from .branches import (
    BRANCH_WIDTH,
    BRANCHES,
    check_branches,
    equal_cost_width,
    rsb_cost,
    scaled_width,
)

VARIANTS = ('paper', 'released')


@UNITS.register_module(name='rsb')
class ResidualStepsBlock(ResidualUnit):
    """Branches of one, two, three, ... 3x3 convolutions, joined by sums.

    A 1x1 convolution (with the unit's stride) makes ``num_branches`` splits of ``b`` channels.
    Branch ``i`` (from 1) has ``i`` 3x3 convolutions. The input of its ``j``-th convolution is the
    output before it in the branch (for ``j = 1`` the split) plus, where ``j < i``, the ``j``-th
    output of branch ``i - 1``. The last outputs of all branches are concatenated and fused by a 1x1
    convolution.

    Args:
        num_branches: Number of branches, 2 or more. The paper's network has 4.
        branch_width: Channels of a branch where the base is 64: ``b = base * branch_width // 64``.
            The default is 26. In the variant ``'paper'`` with another number of branches than 4 it
            is the width at which the unit costs the same: the paper's Table 4 compares 2 to 6
            branches at "unchanged capacity" and does not give widths.
        variant: The base of the width: the level's planes (``'paper'``) or the unit's input
            channels (``'released'``, as in the released code).

    Example:
        >>> unit = rsn_mm.models.units.ResidualStepsBlock(
        ...     64, 64, expansion=4, stride=2, norm_cfg=None)
        >>> tuple(unit(torch.zeros(1, 64, 16, 12)).shape)
        (1, 256, 8, 6)
        >>> [len(branch) for branch in unit.branches]  # convolutions of each branch
        [1, 2, 3, 4]
        >>> unit.branches[0][0].in_channels  # width of a branch
        26
    """

    def __init__(self, in_channels: int, planes: int, *, num_branches: int = BRANCHES,
                 branch_width: int | None = None, variant: str = 'paper', stride: int = 1,
                 norm_cfg: dict | None, **common: Any) -> None:
        super().__init__(in_channels, planes, stride=stride, norm_cfg=norm_cfg, **common)
        check_branches(self, num_branches)
        if variant not in VARIANTS:
            raise OptionError(f'ResidualStepsBlock: variant={variant!r}, expected one of '
                              f'{VARIANTS}')
        if branch_width is None and variant == 'paper':
            width = equal_cost_width(
                lambda w: rsb_cost(w, self.out_channels, num_branches), planes, self.out_channels)
        else:
            base = planes if variant == 'paper' else in_channels
            width = scaled_width(base, BRANCH_WIDTH if branch_width is None else branch_width)
        self.split = conv_norm(in_channels, num_branches * width, stride=stride, norm_cfg=norm_cfg)
        self.branches: Any = nn.ModuleList(
            nn.ModuleList(conv_norm(width, width, 3, norm_cfg=norm_cfg) for _ in range(i + 1))
            for i in range(num_branches))
        self.fuse = conv_norm(
            num_branches * width, self.out_channels, norm_cfg=norm_cfg, module=ConvNormAdd)

    @staticmethod
    def default_expansion(depth: int, variant: str = 'paper', **options: Any) -> int:
        return 1 if variant == 'released' else ResidualUnit.default_expansion(depth)

    @property
    def fused_features(self) -> tuple[str, ...]:
        return tuple(f'y{i + 1}' for i in range(len(self.branches)))

    def features(self, x: Tensor) -> Tensor:
        splits = split_channels(self.split(x), len(self.branches))
        above: list[Tensor] = []  # outputs of the branch before the current one
        last = []
        for split, branch in zip(splits, self.branches):
            y, outputs = split, []
            for j, step in enumerate(branch):
                y = step(y + above[j] if j < len(above) else y)
                outputs.append(y)
            above = outputs
            last.append(y)
        return torch.cat(last, dim=1)
