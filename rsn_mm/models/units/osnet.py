"""The unit of OSNet (Zhou et al., ICCV 2019), whose receptive fields the paper's Table 2 compares.

The paper trains no OSNet. Width and stride are therefore our choice: the unit costs as much as an
RSB of four branches, and its first convolution has the stride, as in the RSB.
"""

from typing import Any

from torch import Tensor, nn

from rsn_mm.registry import UNITS

from ..layers import ConvNormAdd, conv_norm
from .base import ResidualUnit
from .branches import BRANCHES, check_branches, equal_cost_width, scaled_width

#: Channels of a stream divided by those of the gate's hidden layer.
GATE_REDUCTION = 16


class LiteConv(nn.Sequential):
    """A factorized 3x3 convolution: a linear 1x1 and a depth-wise 3x3 one, a norm and a ReLU."""

    def __init__(self, channels: int, norm_cfg: dict | None) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 1, bias=False),
            conv_norm(channels, channels, 3, groups=channels, norm_cfg=norm_cfg))


class AggregationGate(nn.Sequential):
    """Weights in 0..1 for the channels of a stream, computed from its mean over all cells.

    As in OSNet the gate has no norms, and all streams of a unit share one gate.
    """

    def __init__(self, channels: int) -> None:
        hidden = max(channels // GATE_REDUCTION, 1)
        super().__init__(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1), nn.Sigmoid())


@UNITS.register_module(name='osnet')
class OSNetUnit(ResidualUnit):
    """Streams of one, two, three, ... lite 3x3 convolutions, weighted by one gate and summed.

    A 1x1 convolution (with the unit's stride) makes ``b`` channels, which all streams see. The
    gated sum of the streams goes through another 1x1 convolution.

    Args:
        num_branches: Number of streams, 2 or more. OSNet has 4.
        branch_width: Channels of a stream where the base is 64: ``b = planes * branch_width //
            64``. By default it is such that the unit costs as much as an RSB of four branches.

    Example:
        >>> unit = rsn_mm.models.units.OSNetUnit(64, 64, stride=2, norm_cfg=None)
        >>> tuple(unit(torch.zeros(1, 64, 16, 12)).shape)
        (1, 64, 8, 6)
        >>> [len(stream) for stream in unit.streams]  # convolutions of each stream
        [1, 2, 3, 4]
    """

    def __init__(self, in_channels: int, planes: int, *, num_branches: int = BRANCHES,
                 branch_width: int | None = None, stride: int = 1, norm_cfg: dict | None,
                 **common: Any) -> None:
        super().__init__(in_channels, planes, stride=stride, norm_cfg=norm_cfg, **common)
        check_branches(self, num_branches)
        channels, convs = self.out_channels, num_branches * (num_branches + 1) // 2
        width = equal_cost_width(
            lambda w: 2 * channels * w + convs * (w**2 + 9 * w), planes, channels
        ) if branch_width is None else scaled_width(planes, branch_width)
        self.entry = conv_norm(in_channels, width, stride=stride, norm_cfg=norm_cfg)
        self.streams = nn.ModuleList(
            nn.Sequential(*(LiteConv(width, norm_cfg) for _ in range(i + 1)))
            for i in range(num_branches))
        self.gate = AggregationGate(width)
        self.fuse = conv_norm(width, channels, norm_cfg=norm_cfg, module=ConvNormAdd)

    def features(self, x: Tensor) -> Tensor:
        x = self.entry(x)
        streams = [stream(x) for stream in self.streams]
        return sum(self.gate(y) * y for y in streams)
