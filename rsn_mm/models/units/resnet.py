"""The units of ResNet (He et al., CVPR 2016), the baseline of the paper's Table 3."""

from typing import Any, cast

from torch import Tensor, nn

from rsn_mm.registry import UNITS

from ..layers import ConvNormAdd, conv_norm
from .base import ResidualUnit


class _ResNetUnit(ResidualUnit):
    """A chain of convolutions, the last of which adds the shortcut."""

    convs: nn.Sequential

    @property
    def fuse(self) -> ConvNormAdd:  # type: ignore[override]
        return cast(ConvNormAdd, self.convs[-1])

    def features(self, x: Tensor) -> Tensor:
        for conv in list(self.convs)[:-1]:
            x = conv(x)
        return x


@UNITS.register_module(name='basic')
class BasicUnit(_ResNetUnit):
    """The unit of ResNet-18: two 3x3 convolutions, the first with the unit's stride.

    Example:
        >>> unit = rsn_mm.models.units.BasicUnit(64, 128, stride=2, norm_cfg=None)
        >>> tuple(unit(torch.zeros(1, 64, 16, 12)).shape)
        (1, 128, 8, 6)
        >>> [conv.kernel_size for conv in unit.convs]
        [(3, 3), (3, 3)]
    """

    def __init__(self, in_channels: int, planes: int, *, stride: int = 1, norm_cfg: dict | None,
                 **common: Any) -> None:
        super().__init__(in_channels, planes, stride=stride, norm_cfg=norm_cfg, **common)
        self.convs = nn.Sequential(
            conv_norm(in_channels, planes, 3, stride=stride, norm_cfg=norm_cfg),
            conv_norm(planes, self.out_channels, 3, norm_cfg=norm_cfg, module=ConvNormAdd))

    @staticmethod
    def default_expansion(depth: int, **options: Any) -> int:
        return 1


@UNITS.register_module(name='bottleneck')
class Bottleneck(_ResNetUnit):
    """The unit of ResNet-50: 1x1, 3x3 (with the unit's stride) and 1x1 convolutions.

    With four stages of these units the network is MSPN.

    Example:
        >>> unit = rsn_mm.models.units.Bottleneck(256, 64, expansion=4, norm_cfg=None)
        >>> tuple(unit(torch.zeros(1, 256, 16, 12)).shape)
        (1, 256, 16, 12)
        >>> [conv.out_channels for conv in unit.convs]
        [64, 64, 256]
    """

    def __init__(self, in_channels: int, planes: int, *, stride: int = 1, norm_cfg: dict | None,
                 **common: Any) -> None:
        super().__init__(in_channels, planes, stride=stride, norm_cfg=norm_cfg, **common)
        self.convs = nn.Sequential(
            conv_norm(in_channels, planes, norm_cfg=norm_cfg),
            conv_norm(planes, planes, 3, stride=stride, norm_cfg=norm_cfg),
            conv_norm(planes, self.out_channels, norm_cfg=norm_cfg, module=ConvNormAdd))

    @staticmethod
    def default_expansion(depth: int, **options: Any) -> int:
        return 4
