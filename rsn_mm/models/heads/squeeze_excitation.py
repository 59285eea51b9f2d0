"""Squeeze-and-excitation (Hu et al., CVPR 2018) where the Pose Refine Machine stands."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from rsn_mm.errors import OptionError
from rsn_mm.registry import MODELS

from ..layers import BN, conv_norm

#: Channels over those of the hidden layer, as in both papers.
REDUCTION = 16


def channel_weights(channels: int, reduction: int) -> nn.Sequential:
    """Two fully connected layers, as 1x1 convolutions of a pooled feature (B, channels, 1, 1)."""
    hidden = max(channels // reduction, 1)
    return nn.Sequential(
        nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1))


@MODELS.register_module(name='SE')
class SqueezeExcitation(BaseModule):
    """``out = K(x) * sigmoid(FC(ReLU(FC(mean(K(x))))))``.

    ``K`` is the 3x3 convolution that the Pose Refine Machine begins with, norm and ReLU. It has
    most of that module's cost; with it here too, what is compared is the attention alone.

    Args:
        channels: Channels of input and output.
        reduction: Channels over those between the two fully connected layers.
        norm_cfg: Normalization of ``K``; the fully connected layers have a bias and no norm.

    Shapes: (B, channels, H, W) to the same.
    """

    def __init__(self, channels: int, reduction: int = REDUCTION, norm_cfg: dict = BN) -> None:
        super().__init__()
        if reduction < 1:
            raise OptionError(f'SE: reduction={reduction}, expected 1 or more')
        self.conv = conv_norm(channels, channels, 3, norm_cfg=norm_cfg)
        self.channel_path = channel_weights(channels, reduction)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * torch.sigmoid(self.channel_path(x.mean((-2, -1), keepdim=True)))
