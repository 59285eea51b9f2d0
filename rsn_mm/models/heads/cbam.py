"""Convolutional block attention (Woo et al., ECCV 2018) where the Pose Refine Machine stands."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from rsn_mm.errors import OptionError
from rsn_mm.registry import MODELS

from ..layers import BN, conv_norm
from .squeeze_excitation import REDUCTION, channel_weights


@MODELS.register_module(name='CBAM')
class ConvBlockAttention(BaseModule):
    """Weights of channels, then weights of places, for ``K(x)``.

    ``y = K(x) * sigmoid(FC(mean over places) + FC(max over places))`` with the same two fully
    connected layers for both; ``out = y * sigmoid(conv([mean over channels, max over channels]))``.
    ``K`` is the 3x3 convolution that the Pose Refine Machine begins with, norm and ReLU; with it
    here too, what is compared is the attention alone.

    Args:
        channels: Channels of input and output.
        reduction: Channels over those between the two fully connected layers.
        kernel_size: Of the convolution of the two maps.
        norm_cfg: Normalization of ``K``; the other layers have a bias and no norm, as in the
            paper's formulas.

    Shapes: (B, channels, H, W) to the same.
    """

    def __init__(self, channels: int, reduction: int = REDUCTION, kernel_size: int = 7,
                 norm_cfg: dict = BN) -> None:
        super().__init__()
        if reduction < 1:
            raise OptionError(f'CBAM: reduction={reduction}, expected 1 or more')
        if kernel_size % 2 == 0:
            raise OptionError(f'CBAM: kernel_size={kernel_size}, expected an odd one')
        self.conv = conv_norm(channels, channels, 3, norm_cfg=norm_cfg)
        self.channel_path = channel_weights(channels, reduction)
        self.spatial_path = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        mean, highest = x.mean((-2, -1), keepdim=True), x.amax((-2, -1), keepdim=True)
        x = x * torch.sigmoid(self.channel_path(mean) + self.channel_path(highest))
        maps = torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), dim=1)
        return x * torch.sigmoid(self.spatial_path(maps))
