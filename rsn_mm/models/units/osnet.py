"""The unit of OSNet (Zhou et al., ICCV 2019), whose receptive fields the paper's Table 2 compares.

The paper trains no OSNet. Width and stride are ours: as wide as costs what an RSB of four branches
does, and strided where the RSB is, in the first convolution.
"""

from torch import Tensor, nn

from ..layers import SummedConv, conv_norm
from .base import ResidualUnit
from .width import BRANCHES, equal_cost_width, scaled_width

#: Channels of a stream over those of the gate's hidden layer.
GATE_REDUCTION = 16


class LiteConv(nn.Sequential):
    """A linear 1x1 and a depth-wise 3x3 convolution, norm and ReLU: a 3x3 one, factorized."""

    def __init__(self, channels: int, norm_cfg: dict | None) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 1, bias=False),
            conv_norm(channels, channels, 3, groups=channels, norm_cfg=norm_cfg))


class AggregationGate(nn.Sequential):
    """Weights 0..1 of the channels of a stream, from its mean over all cells.

    As in OSNet it has no norms; one gate serves all streams of a unit.
    """

    def __init__(self, channels: int) -> None:
        hidden = max(channels // GATE_REDUCTION, 1)
        super().__init__(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1), nn.Sigmoid())


class OSNetUnit(ResidualUnit):
    """Streams of one, two, three, ... lite 3x3 convolutions, weighed by one gate and summed.

    A 1x1 convolution (with the unit's stride) makes ``b`` channels, which all streams see; their
    gated sum goes through a 1x1 convolution.

    Args:
        num_branches: Streams, 2 or more; OSNet has 4.
        branch_width: Channels of a stream where the base is 64: ``b = planes * branch_width //
            64``; by default what makes the unit cost as much as an RSB of four branches.
    """

    options = frozenset({'num_branches', 'branch_width'})

    def __init__(self, in_channels: int, planes: int, *, expansion: int, stride: int = 1,
                 norm_cfg: dict, with_cp: bool = False, num_branches: int = BRANCHES,
                 branch_width: int | None = None) -> None:
        super().__init__(in_channels, planes, expansion=expansion, stride=stride,
                         norm_cfg=norm_cfg, with_cp=with_cp)
        channels, convs = self.out_channels, num_branches * (num_branches + 1) // 2
        width = scaled_width(planes, branch_width) if branch_width else equal_cost_width(
            lambda w: 2 * channels * w + convs * (w**2 + 9 * w), planes, channels)
        self.entry = conv_norm(in_channels, width, stride=stride, norm_cfg=norm_cfg)
        self.streams = nn.ModuleList(
            nn.Sequential(*(LiteConv(width, norm_cfg) for _ in range(i + 1)))
            for i in range(num_branches))
        self.gate = AggregationGate(width)
        self.fuse = conv_norm(width, channels, norm_cfg=norm_cfg, module=SummedConv)

    def features(self, x: Tensor) -> Tensor:
        x = self.entry(x)
        streams = [stream(x) for stream in self.streams]
        return sum(self.gate(y) * y for y in streams)
