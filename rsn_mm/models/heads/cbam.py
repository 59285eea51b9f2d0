"""Convolutional block attention (Woo et al., ECCV 2018) in the Pose Refine Machine's place."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from rsn_mm.errors import OptionError, require_at_least
from rsn_mm.registry import MODELS

from ..layers import BN, conv_norm
from .squeeze_excitation import REDUCTION, channel_weights


@MODELS.register_module(name='CBAM')
class ConvBlockAttention(BaseModule):
    """Weights for the channels of ``K(x)``, then weights for its places.

    ``y = K(x) * sigmoid(FC(mean over places) + FC(max over places))``, where both ``FC`` are the
    same two fully connected layers, and
    ``out = y * sigmoid(conv([mean over channels, max over channels]))``. ``K`` is a 3x3 convolution
    with norm and ReLU, as in :class:`~rsn_mm.models.heads.SqueezeExcitation`.

    Args:
        channels: Channels of the input and of the output.
        reduction: Channels divided by those between the two fully connected layers.
        kernel_size: Size of the kernel that turns the two maps into one, odd.
        norm_cfg: Normalization of ``K``; ``None`` for none. The other layers have a bias and no
            norm, as in the formulas of the paper on CBAM.

    Shapes: (B, channels, H, W) to the same.
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
