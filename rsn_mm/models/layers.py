"""The layers that all networks here are built from: a convolution, a norm and a ReLU."""

from math import gcd
from typing import Any

from mmcv.cnn import ConvModule
from mmengine.model import constant_init
from torch import Tensor, nn

BN = dict(type='BN', requires_grad=True)

#: How the released code initializes its encoders: Kaiming-normal over the fan-out, norms 1 and 0.
KAIMING_INIT = (
    dict(type='Kaiming', layer='Conv2d', mode='fan_out', nonlinearity='relu'),
    dict(type='Constant', layer=['_BatchNorm', 'GroupNorm'], val=1),
)


class ConvNorm(ConvModule):
    """mmcv's ``ConvModule`` with torch's own initialization of the convolution.

    mmcv draws Kaiming-normal weights. The released code does so in its encoders only.
    """

    _is_complete = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._is_complete = True

    def init_weights(self) -> None:
        if not self._is_complete:  # mmcv's constructor calls this; torch has just drawn the weights
            return
        self.conv.reset_parameters()
        if self.with_norm:
            constant_init(self.norm, 1)


def conv_norm(in_channels: int, out_channels: int, kernel_size: int = 1, *, norm_cfg: dict | None,
              stride: int = 1, groups: int = 1, relu: bool = True,
              module: type[ConvNorm] = ConvNorm) -> ConvNorm:
    """Build a convolution that keeps the size, its norm and, by default, a ReLU.

    With ``norm_cfg=dict(type='GN', num_groups=n)`` a layer whose number of channels is not a
    multiple of ``n`` gets the largest number of groups that divides both. Branches of 26 channels
    and heads of 17 joints could not be group-normalized otherwise.

    Args:
        norm_cfg: Any norm that mmcv builds (``BN``, ``SyncBN``, ``GN``, ...). With ``None`` there
            is no norm, and the convolution has a bias.
        module: Class of the layer.
    """
    if norm_cfg is not None and norm_cfg['type'] == 'GN':
        norm_cfg = dict(norm_cfg, num_groups=gcd(norm_cfg['num_groups'], out_channels))
    return module(
        in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2,
        groups=groups, norm_cfg=norm_cfg, act_cfg=dict(type='ReLU') if relu else None)


def split_channels(x: Tensor, parts: int) -> tuple[Tensor, ...]:
    """Split (B, C, H, W) into parts of C / parts channels each.

    Parts of 16-bit features are copied on a CPU, where torch is slow at adding strided tensors.
    """
    splits = x.chunk(parts, dim=1)
    if x.device.type == 'cpu' and x.itemsize == 2:
        return tuple(split.clone() for split in splits)
    return splits


def add(x: Tensor, addend: Tensor) -> Tensor:
    """Add two features, in the memory of ``x`` unless their types differ.

    Overwriting ``x`` is safe where it is the output of a norm: the backward pass of a norm needs
    its input only.
    """
    return x.add_(addend) if x.dtype == addend.dtype else x + addend


class ConvNormAdd(ConvNorm):
    """A convolution and a norm, the sum with another feature, then a ReLU: it joins two paths."""

    def forward(self, x: Tensor, addend: Tensor | None,
                may_overwrite_addend: bool = False) -> Tensor:
        """Compute ``ReLU(norm(conv(x)) + addend)``.

        Args:
            x: (B, C, H, W).
            addend: Of the output's shape, or ``None`` for no sum.
            may_overwrite_addend: Whether nobody else needs the addend. Test-time forms of this
                layer then write the output into its memory.
        """
        x = self.conv(x)
        if self.with_norm:
            x = self.norm(x)
        return self.activate(x if addend is None else add(x, addend))


def norm_layers(module: nn.Module) -> list[nn.Module]:
    """List all batch norms inside ``module``, plain and synchronized."""
    return [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
