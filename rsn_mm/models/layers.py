"""Building blocks shared by every network here: conv + norm + ReLU, and exact checkpointing."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from math import gcd

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, constant_init
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

BN = dict(type='BN', requires_grad=True)

#: How the released code initializes its encoders: Kaiming-normal over the fan-out, norms 1 and 0.
KAIMING_INIT = (
    dict(type='Kaiming', layer='Conv2d', mode='fan_out', nonlinearity='relu'),
    dict(type='Constant', layer=['_BatchNorm', 'GroupNorm'], val=1),
)


class ConvNorm(ConvModule):
    """mmcv's ``ConvModule``, but the convolution starts as torch initializes it.

    mmcv draws Kaiming-normal weights; the released code does so in its encoders only.
    """

    def init_weights(self) -> None:
        self.conv.reset_parameters()
        if self.with_norm:
            constant_init(self.norm, 1)


def conv_norm(in_channels: int, out_channels: int, kernel_size: int = 1, *, norm_cfg: dict | None,
              stride: int = 1, groups: int = 1, relu: bool = True,
              module: type[ConvNorm] = ConvNorm) -> ConvNorm:
    """A convolution of same padding, its normalization and, unless told otherwise, a ReLU.

    With ``norm_cfg=dict(type='GN', num_groups=n)`` a layer whose channels are no multiple of ``n``
    gets the largest number of groups that divides both (branches of 26 channels and heads of 17
    joints could not be group-normalized otherwise).

    Args:
        norm_cfg: Any norm mmcv builds (``BN``, ``SyncBN``, ``GN``, ...). ``None``: no norm, and the
            convolution has a bias.
        module: What to make of them.
    """
    if norm_cfg is not None and norm_cfg['type'] == 'GN':
        norm_cfg = dict(norm_cfg, num_groups=gcd(norm_cfg['num_groups'], out_channels))
    return module(
        in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2,
        groups=groups, norm_cfg=norm_cfg, act_cfg=dict(type='ReLU') if relu else None)


def split_channels(x: Tensor, parts: int) -> tuple[Tensor, ...]:
    """Parts of (B, C, H, W), C / parts channels each.

    Those of 16-bit features are copies on a processor, where torch adds up strided ones cell by
    cell.
    """
    splits = x.chunk(parts, dim=1)
    if x.device.type == 'cpu' and x.itemsize == 2:
        return tuple(split.clone() for split in splits)
    return splits


def add(x: Tensor, addend: Tensor) -> Tensor:
    """Their sum, in the memory of ``x`` unless their types differ.

    Where ``x`` comes from a norm, no backward needs it: that of the norm needs its input.
    """
    return x.add_(addend) if x.dtype == addend.dtype else x + addend


class SummedConv(ConvNorm):
    """A convolution and a norm, added to another feature, then ReLU: what joins two paths.

    Shapes: x and, of the output's shape, what is added to it, or ``None``. ``is_free`` tells that
    nobody else has the latter: where nothing is trained, its memory may be taken for the output.
    """

    def forward(self, x: Tensor, addend: Tensor | None, is_free: bool = False) -> Tensor:
        x = self.conv(x)
        if self.with_norm:
            x = self.norm(x)
        return self.activate(x if addend is None else add(x, addend))


def norm_layers(module: nn.Module) -> list[nn.Module]:
    """All batch norms (plain and synchronized) inside ``module``."""
    return [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


@contextmanager
def _frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Batch norms normalize by the batch, but do not count it into their running statistics."""
    saved = [(m, m.momentum, m.num_batches_tracked)
             for m in norm_layers(module) if m.track_running_stats]
    for m, *_ in saved:
        m.momentum = 0.
        # A copy to count in, for SyncBN insists on one.
        m.num_batches_tracked = m.num_batches_tracked.clone()
    try:
        yield
    finally:
        for m, momentum, num_batches_tracked in saved:
            m.momentum, m.num_batches_tracked = momentum, num_batches_tracked


class CheckpointedModule(BaseModule):
    """A module that can trade time for memory: ``with_cp`` recomputes its forward in backward.

    Outputs, gradients and running statistics are those of the plain module: the second forward
    does not count into the running mean and variance again.
    """

    def __init__(self, with_cp: bool = False, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.with_cp = with_cp

    def forward(self, *inputs: Tensor | None) -> Tensor:
        if self.with_cp and self.training:
            return checkpoint(
                self.compute, *inputs, use_reentrant=False,
                context_fn=lambda: (nullcontext(), _frozen_statistics(self)))
        return self.compute(*inputs)

    def compute(self, *inputs: Tensor | None) -> Tensor:
        """The forward itself."""
        raise NotImplementedError
