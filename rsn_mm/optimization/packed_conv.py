"""Convolutions as a processor runs them fastest: packed, with sum and ReLU, registers full."""

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.nn.functional import fold, relu

from rsn_mm.models.layers import ConvNorm, SummedConv, add

_NAMES = ('_convolution_pointwise', '_convolution_pointwise_', '_reorder_convolution_weight')
#: What torch's compiler makes of a convolution on a processor, where this torch is built with it.
_OPS = torch.ops.mkldnn if torch.backends.mkldnn.is_available() and all(
    hasattr(torch.ops.mkldnn, name) for name in _NAMES) else None
#: Types of features that they take on this processor.
_DTYPES = () if _OPS is None else (
    torch.float32, *([torch.bfloat16] if _OPS._is_mkldnn_bf16_supported() else []))
#: Outputs that a processor computes together: the numbers in a register, at most.
LANES = 16
#: Outputs beyond a multiple of it that are cheaper tap by tap.
MAX_SPARE = 3


class PackedConv(nn.Module):
    """A convolution, a sum with another feature or none, and a ReLU or none, for prediction.

    The bias may be float32 where the weights are bfloat16: it is added before rounding.

    On a processor oneDNN brings the weights into its own layout before every convolution; here
    that is done once, and again when they change (but for writes past autograd, to
    ``weight.data``, which leave no trace). Elsewhere, in tracing and where gradients are wanted,
    the plain modules run.

    Args:
        conv: Kept, with its weights.
        relu: Whether a ReLU follows.
    """

    def __init__(self, conv: nn.Conv2d, relu: bool = False) -> None:
        super().__init__()
        self.conv = conv
        self.relu = relu
        #: The weights, their version, and what was made of them.
        self._packed: tuple[Tensor, int, object] | None = None

    def forward(self, x: Tensor, addend: Tensor | None = None, is_free: bool = False) -> Tensor:
        """As :class:`~rsn_mm.models.layers.SummedConv`, without an addend too."""
        if not self._can_pack(x):
            out = self._convolve_plainly(x)
        elif addend is None:
            return _OPS._convolution_pointwise(
                x, *self._arguments(x), 'relu' if self.relu else 'none', [], '')
        elif (is_free and addend.dtype == x.dtype
              and addend.is_contiguous(memory_format=torch.channels_last)):
            return _OPS._convolution_pointwise_.binary(
                addend, x, *self._arguments(x, x.dtype), 'add', 1.,
                'relu' if self.relu else None, [], None)
        else:
            out = _OPS._convolution_pointwise(x, *self._arguments(x), 'none', [], '')
        if addend is not None:
            out = add(out, addend)
        return relu(out, inplace=True) if self.relu else out

    def _convolve_plainly(self, x: Tensor) -> Tensor:
        return self.conv._conv_forward(x, self.conv.weight, self._bias(self.conv.weight.dtype))

    def _bias(self, dtype: torch.dtype | None) -> Tensor | None:
        bias = self.conv.bias
        return bias if bias is None or dtype is None else bias.to(dtype)

    def _arguments(self, x: Tensor, bias_dtype: torch.dtype | None = None) -> tuple:
        """Weights in the processor's layout, the bias, as it is unless told, and the geometry."""
        conv = self.conv
        return (self._pack_once(x), self._bias(bias_dtype), conv.padding, conv.stride,
                conv.dilation, conv.groups)

    def _pack_once(self, x: Tensor) -> object:
        weight = self.conv.weight
        if (self._packed is None or self._packed[0] is not weight
                or self._packed[1] != weight._version):
            self._packed = weight, weight._version, self._pack(weight.detach(), x.shape)
        return self._packed[2]

    def _pack(self, weight: Tensor, shape: torch.Size) -> object:
        """The weights for inputs of about that shape, in the processor's layout."""
        conv = self.conv
        return _OPS._reorder_convolution_weight(
            weight, conv.padding, conv.stride, conv.dilation, conv.groups, shape)

    def _can_pack(self, x: Tensor) -> bool:
        weight = self.conv.weight
        return (x.is_cpu and weight.is_cpu and x.dtype == weight.dtype and x.dtype in _DTYPES
                and x.numel() > 0 and not weight.is_inference()
                and not (torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad))
                and not torch.compiler.is_compiling() and not torch.jit.is_tracing())

    def _apply(self, fn: object, recurse: bool = True) -> nn.Module:
        self._packed = None  # moved or cast
        return super()._apply(fn, recurse)

    def __getstate__(self) -> dict:
        return {**self.__dict__, '_packed': None}  # the layout is this process's


class PackedHeatmapConv(PackedConv):
    """A 3x3 convolution with few more outputs than fill a processor's registers, such as 17.

    oneDNN computes as many as fill the next ones too, 32. Here the spare outputs are sums of nine
    moved maps each, one per tap, that a 1x1 convolution makes.
    """

    @staticmethod
    def fits(conv: nn.Conv2d) -> bool:
        """Whether it is one."""
        return (conv.out_channels > LANES and 0 < conv.out_channels % LANES <= MAX_SPARE
                and conv.kernel_size == (3, 3) and conv.groups == 1
                and conv.padding == conv.stride == conv.dilation == (1, 1))

    def forward(self, x: Tensor) -> Tensor:
        if not self._can_pack(x):
            return self._convolve_plainly(x)
        most, taps = (
            _OPS._convolution_pointwise(x, weight, None, padding, (1, 1), (1, 1), 1, 'none', [], '')
            for weight, padding in self._pack_once(x))
        out = torch.cat((most, fold(taps.flatten(2), x.shape[2:], 3, padding=1)), 1)
        bias = self._bias(out.dtype)
        return out if bias is None else out.add_(bias[:, None, None])

    def _pack(self, weight: Tensor, shape: torch.Size) -> list[tuple[Tensor, tuple[int, int]]]:
        """Weights and padding of both convolutions."""
        spare = len(weight) % LANES
        # Flipped: a convolution reads from the side that a tap is on, `fold` moves maps to it.
        taps = weight[-spare:].flip(2, 3).permute(0, 2, 3, 1).reshape(9 * spare, -1, 1, 1)
        return [(_OPS._reorder_convolution_weight(part, padding, (1, 1), (1, 1), 1, shape), padding)
                for part, padding in ((weight[:-spare], (1, 1)), (taps, (0, 0)))]


def pack_convs(module: nn.Module) -> None:
    """Put a :class:`PackedConv` in place of every convolution inside ``module``, norms folded."""
    for name, child in module.named_children():
        if type(child) in (ConvModule, ConvNorm, SummedConv) and _is_conv_and_relu(child):
            is_heatmap = not child.with_activation and PackedHeatmapConv.fits(child.conv)
            setattr(module, name, PackedHeatmapConv(child.conv) if is_heatmap else
                    PackedConv(child.conv, relu=child.with_activation))
        elif _is_plain_conv(child):
            setattr(module, name, PackedConv(child))
        else:
            pack_convs(child)


def _is_plain_conv(module: nn.Module) -> bool:
    return (type(module) is nn.Conv2d and module.padding_mode == 'zeros'
            and not isinstance(module.padding, str))


def _is_conv_and_relu(module: ConvModule) -> bool:
    """Whether it computes nothing but a convolution and, perhaps, a ReLU."""
    return (_is_plain_conv(module.conv) and not module.with_explicit_padding
            and isinstance(module.norm, nn.Identity | None)
            and (not module.with_activation or type(module.activate) is nn.ReLU))
