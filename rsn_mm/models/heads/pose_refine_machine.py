"""The Pose Refine Machine, an attention module (paper, section 3.3 and Fig. 3)."""

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
    """Let the norms inside a module use their running statistics."""
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

    ``K`` is a 3x3 convolution. ``alpha`` is a weight per channel, computed from the globally pooled
    ``K(x)`` by two 1x1 convolutions and a sigmoid. ``beta`` is a weight per place and channel,
    computed from ``K(x)`` by a 1x1 convolution, a depth-wise one and a sigmoid. As in the released
    class every convolution has a norm and a ReLU, also the last one before each sigmoid.

    In a training batch of one image the pooled features have no batch statistics. The channel path
    then uses the running statistics.

    Args:
        channels: Channels of the input and of the output.
        kernel_size: Size of the depth-wise convolution's kernel, odd.
        norm_cfg: Normalization of every layer; ``None`` for none.

    Shapes: (B, channels, H, W) to the same.

    Example:
        >>> machine = rsn_mm.models.PoseRefineMachine(channels=17)
        >>> tuple(machine(torch.zeros(2, 17, 16, 12)).shape)
        (2, 17, 16, 12)
    """

    def __init__(self, channels: int, kernel_size: int = 9, norm_cfg: dict | None = BN) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise OptionError(f'PoseRefineMachine: kernel_size={kernel_size}, expected an odd '
                              'number')
        self.conv = conv_norm(channels, channels, 3, norm_cfg=norm_cfg)
        self.channel_path = nn.Sequential(
            conv_norm(channels, channels, norm_cfg=norm_cfg),
            conv_norm(channels, channels, norm_cfg=norm_cfg))
        self.spatial_path = nn.Sequential(
            conv_norm(channels, channels, norm_cfg=norm_cfg),
            conv_norm(channels, channels, kernel_size, groups=channels, norm_cfg=norm_cfg))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        is_single = self.training and len(x) == 1
        with _running_statistics(self.channel_path) if is_single else nullcontext():
            alpha = torch.sigmoid(self.channel_path(x.mean((-2, -1), keepdim=True)))
        beta = torch.sigmoid(self.spatial_path(x))
        return x * (1 + beta * alpha)
