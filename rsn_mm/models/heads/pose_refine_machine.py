"""Pose Refine Machine, the attention of the paper's section 3.3 and Fig. 3."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from rsn_mm.errors import OptionError
from rsn_mm.registry import MODELS

from ..layers import BN, conv_norm, norm_layers


@contextmanager
def _running_statistics(module: nn.Module) -> Iterator[None]:
    norms = [norm for norm in norm_layers(module) if norm.training]
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm in norms:
            norm.train()


@MODELS.register_module()
class PoseRefineMachine(BaseModule):
    """``out = K(x) * (1 + beta * alpha)`` (paper, equation 3).

    ``K`` is a 3x3 convolution; ``alpha`` weighs channels: two 1x1 convolutions of the globally
    pooled ``K(x)`` and a sigmoid; ``beta`` weighs places, one map per channel: a 1x1 convolution, a
    depth-wise one and a sigmoid. As in the released class every convolution is followed by a norm
    and a ReLU, also the last one before each sigmoid.

    A training batch of one has no batch statistics of pooled features; the channel path then uses
    the running ones.

    Args:
        channels: Channels of input and output.
        kernel_size: Of the depth-wise convolution.
        norm_cfg: Normalization of every layer.

    Shapes: (B, channels, H, W) to the same.
    """

    def __init__(self, channels: int, kernel_size: int = 9, norm_cfg: dict = BN) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise OptionError(f'PoseRefineMachine: kernel_size={kernel_size}, expected an odd one')
        self.conv = conv_norm(channels, channels, 3, norm_cfg=norm_cfg)
        self.channel_path = nn.Sequential(
            conv_norm(channels, channels, norm_cfg=norm_cfg),
            conv_norm(channels, channels, norm_cfg=norm_cfg))
        self.spatial_path = nn.Sequential(
            conv_norm(channels, channels, norm_cfg=norm_cfg),
            conv_norm(channels, channels, kernel_size, groups=channels, norm_cfg=norm_cfg))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        single = self.training and len(x) == 1
        with _running_statistics(self.channel_path) if single else nullcontext():
            alpha = torch.sigmoid(self.channel_path(x.mean((-2, -1), keepdim=True)))
        beta = torch.sigmoid(self.spatial_path(x))
        return x * (1 + beta * alpha)
