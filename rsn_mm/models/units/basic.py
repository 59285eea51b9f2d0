"""The basic unit of ResNet-18 (He et al., CVPR 2016), the baseline of the paper's Table 3."""

from torch import Tensor, nn

from ..layers import SummedConv, conv_norm
from .base import ResidualUnit


class BasicUnit(ResidualUnit):
    """Two 3x3 convolutions."""

    def __init__(self, in_channels: int, planes: int, *, expansion: int, stride: int = 1,
                 norm_cfg: dict, with_cp: bool = False) -> None:
        super().__init__(in_channels, planes, expansion=expansion, stride=stride,
                         norm_cfg=norm_cfg, with_cp=with_cp)
        self.convs = nn.Sequential(
            conv_norm(in_channels, planes, 3, stride=stride, norm_cfg=norm_cfg),
            conv_norm(planes, self.out_channels, 3, norm_cfg=norm_cfg, module=SummedConv))

    @staticmethod
    def default_expansion(depth: int, variant: str) -> int:
        return 1

    @property
    def fuse(self) -> SummedConv:
        return self.convs[-1]

    def features(self, x: Tensor) -> Tensor:
        return self.convs[0](x)
