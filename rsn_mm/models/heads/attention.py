"""Attention in the place of the Pose Refine Machine, to compare it with.

SE is squeeze-and-excitation (Hu et al., CVPR 2018), CBAM the convolutional block attention module
(Woo et al., ECCV 2018).
"""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from rsn_mm.errors import OptionError, require_at_least
from rsn_mm.registry import MODELS

from ..layers import BN, conv_norm

#: Channels divided by those of the hidden layer, in the papers on SE and CBAM.
REDUCTION = 16


def channel_weights(channels: int, reduction: int) -> nn.Sequential:
    """Build two fully connected layers, as 1x1 convolutions of pooled features (B, C, 1, 1)."""
    hidden = max(channels // reduction, 1)
    return nn.Sequential(
        nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1))


@MODELS.register_module(name='SE')
class SqueezeExcitation(BaseModule):
    """``out = K(x) * sigmoid(FC(ReLU(FC(mean(K(x))))))``.

    ``K`` is a 3x3 convolution with norm and ReLU, the same as at the beginning of the Pose Refine
    Machine. It has most of the cost of that module. With ``K`` in both, a comparison shows the
    effect of the attention alone.

    Args:
        channels: Channels of the input and of the output.
        reduction: Channels divided by those between the two fully connected layers.
        norm_cfg: Normalization of ``K``; ``None`` for none. The fully connected layers have a bias
            and no norm.

    Shapes: (B, channels, H, W) to the same.

    Example:
        >>> from rsn_mm.models.heads.attention import SqueezeExcitation
        >>> attention = SqueezeExcitation(channels=64)
        >>> tuple(attention(torch.zeros(2, 64, 16, 12)).shape)
        (2, 64, 16, 12)
        >>> attention.channel_path[0].out_channels  # 64 / 16
        4
    """

    def __init__(self, channels: int, reduction: int = REDUCTION,
                 norm_cfg: dict | None = BN) -> None:
        super().__init__()
        require_at_least('SE', 1, reduction=reduction)
        self.conv = conv_norm(channels, channels, 3, norm_cfg=norm_cfg)
        self.channel_path = channel_weights(channels, reduction)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * torch.sigmoid(self.channel_path(x.mean((-2, -1), keepdim=True)))


@MODELS.register_module(name='CBAM')
class ConvBlockAttention(BaseModule):
    """Weights for the channels of ``K(x)``, then weights for its places.

    ``y = K(x) * sigmoid(FC(mean over places) + FC(max over places))``, where both ``FC`` are the
    same two fully connected layers, and
    ``out = y * sigmoid(conv([mean over channels, max over channels]))``. ``K`` is the
    same convolution as in :class:`SqueezeExcitation`.

    Args:
        channels: Channels of the input and of the output.
        reduction: Channels divided by those between the two fully connected layers.
        kernel_size: Size of the kernel that turns the two maps into one, odd.
        norm_cfg: Normalization of ``K``; ``None`` for none. The other layers have a bias and no
            norm, as in the formulas of the paper on CBAM.

    Shapes: (B, channels, H, W) to the same.

    Example:
        >>> from rsn_mm.models.heads.attention import ConvBlockAttention
        >>> attention = ConvBlockAttention(channels=64, kernel_size=5)
        >>> tuple(attention(torch.zeros(2, 64, 16, 12)).shape)
        (2, 64, 16, 12)
        >>> tuple(attention.spatial_path.weight.shape)  # from mean and maximum to one map
        (1, 2, 5, 5)
    """

    def __init__(self, channels: int, reduction: int = REDUCTION, kernel_size: int = 7,
                 norm_cfg: dict | None = BN) -> None:
        super().__init__()
        require_at_least('CBAM', 1, reduction=reduction)
        if kernel_size % 2 == 0:
            raise OptionError(f'CBAM: kernel_size={kernel_size}, expected an odd number')
        self.conv = conv_norm(channels, channels, 3, norm_cfg=norm_cfg)
        self.channel_path = channel_weights(channels, reduction)
        self.spatial_path = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        mean, highest = x.mean((-2, -1), keepdim=True), x.amax((-2, -1), keepdim=True)
        x = x * torch.sigmoid(self.channel_path(mean) + self.channel_path(highest))
        maps = torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), dim=1)
        return x * torch.sigmoid(self.spatial_path(maps))
