"""The unit of Res2Net (Gao et al., TPAMI 2020), which the paper's Table 3 compares with."""

import torch
from torch import Tensor, nn

from ..layers import SummedConv, conv_norm, split_channels
from .base import ResidualUnit
from .width import BRANCH_WIDTH, BRANCHES, scaled_width

#: Where units have no expansion. "26w x 4s" is of bottlenecks; at depth 18 it would cost 1.5
#: GFLOPs, the paper reports 2.2.
BRANCH_WIDTH_UNEXPANDED = 40


class Res2NetUnit(ResidualUnit):
    """A bottleneck whose 3x3 convolution is a chain of small ones, each also seeing its own split.

    A 1x1 convolution makes ``num_branches`` splits ("scales") of ``b`` channels. All but the last
    have a 3x3 convolution, which sees its split plus the output before it; the last passes
    unchanged. All are concatenated and fused by a 1x1 convolution.

    The first 1x1 convolution carries the stride, as in the RSB. Res2Net's authors stride the 3x3
    convolutions and break the chain there, which would cost 4.8 GFLOPs at depth 50; the paper
    reports 4.5, so that the RSB's place is inferred.

    Args:
        num_branches: Scales, 2 or more.
        branch_width: Channels of a split where the base is 64: ``b = planes * branch_width // 64``;
            by default 26 with expansion, 40 without, whatever ``num_branches`` is.
    """

    options = frozenset({'num_branches', 'branch_width'})

    def __init__(self, in_channels: int, planes: int, *, expansion: int, stride: int = 1,
                 norm_cfg: dict, with_cp: bool = False, num_branches: int = BRANCHES,
                 branch_width: int | None = None) -> None:
        super().__init__(in_channels, planes, expansion=expansion, stride=stride,
                         norm_cfg=norm_cfg, with_cp=with_cp)
        default = BRANCH_WIDTH if expansion > 1 else BRANCH_WIDTH_UNEXPANDED
        width = scaled_width(planes, branch_width or default)
        self.split = conv_norm(in_channels, num_branches * width, stride=stride, norm_cfg=norm_cfg)
        self.steps = nn.ModuleList(
            conv_norm(width, width, 3, norm_cfg=norm_cfg) for _ in range(num_branches - 1))
        self.fuse = conv_norm(
            num_branches * width, self.out_channels, norm_cfg=norm_cfg, module=SummedConv)

    def features(self, x: Tensor) -> Tensor:
        *splits, last = split_channels(self.split(x), len(self.steps) + 1)
        outputs: list[Tensor] = []
        for split, step in zip(splits, self.steps):
            outputs.append(step(split + outputs[-1] if outputs else split))
        return torch.cat([*outputs, last], dim=1)
