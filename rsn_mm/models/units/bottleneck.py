"""The bottleneck of ResNet-50 (He et al., CVPR 2016); with four stages the network is MSPN."""

from torch import Tensor, nn

from ..layers import SummedConv, conv_norm
from .base import ResidualUnit


class Bottleneck(ResidualUnit):
    """1x1, 3x3 (which carries the stride), 1x1."""

    def __init__(self, in_channels: int, planes: int, *, expansion: int, stride: int = 1,
                 norm_cfg: dict, with_cp: bool = False) -> None:
        super().__init__(in_channels, planes, expansion=expansion, stride=stride,
                         norm_cfg=norm_cfg, with_cp=with_cp)
        self.convs = nn.Sequential(
            conv_norm(in_channels, planes, norm_cfg=norm_cfg),
            conv_norm(planes, planes, 3, stride=stride, norm_cfg=norm_cfg),
            conv_norm(planes, self.out_channels, norm_cfg=norm_cfg, module=SummedConv))

    @staticmethod
    def default_expansion(depth: int, variant: str) -> int:
        return 4

    @property
    def fuse(self) -> SummedConv:
        return self.convs[-1]

    def features(self, x: Tensor) -> Tensor:
        return self.convs[1](self.convs[0](x))
