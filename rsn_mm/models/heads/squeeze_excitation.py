"""Squeeze-and-excitation (Hu et al., CVPR 2018) in the place of the Pose Refine Machine."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from rsn_mm.errors import require_at_least
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
