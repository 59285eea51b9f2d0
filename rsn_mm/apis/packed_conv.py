"""Convolutions as a processor runs them fastest: packed weights, sum and ReLU in one pass."""

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.nn.functional import relu

from rsn_mm.models.layers import SummedConv, add

_NAMES = ('_convolution_pointwise', '_convolution_pointwise_', '_reorder_convolution_weight')
#: What torch's compiler makes of a convolution on a processor, where this torch is built with it.
_OPS = torch.ops.mkldnn if torch.backends.mkldnn.is_available() and all(
    hasattr(torch.ops.mkldnn, name) for name in _NAMES) else None


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
        self._packed: tuple[Tensor, int, Tensor] | None = None

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
        conv, weight = self.conv, self.conv.weight
        if (self._packed is None or self._packed[0] is not weight
                or self._packed[1] != weight._version):
            self._packed = weight, weight._version, _OPS._reorder_convolution_weight(
                weight.detach(), conv.padding, conv.stride, conv.dilation, conv.groups, x.shape)
        return (self._packed[2], self._bias(bias_dtype), conv.padding, conv.stride, conv.dilation,
                conv.groups)

    def _can_pack(self, x: Tensor) -> bool:
        weight = self.conv.weight
        return (_OPS is not None and x.device.type == weight.device.type == 'cpu'
                and (x.dtype == weight.dtype == torch.float32
                     or x.dtype == weight.dtype == torch.bfloat16
                     and _OPS._is_mkldnn_bf16_supported())
                and len(x) > 0 and not weight.is_inference()
                and not (torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad))
                and not torch.compiler.is_compiling() and not torch.jit.is_tracing())

    def _apply(self, fn: object, recurse: bool = True) -> nn.Module:
        self._packed = None  # moved or cast
        return super()._apply(fn, recurse)

    def __getstate__(self) -> dict:
        return {**self.__dict__, '_packed': None}  # the layout is this process's


def pack_convs(module: nn.Module) -> None:
    """Put a :class:`PackedConv` in place of every convolution inside ``module``, norms folded."""
    for name, child in module.named_children():
        if type(child) in (ConvModule, SummedConv) and _is_conv_and_relu(child):
            setattr(module, name, PackedConv(child.conv, relu=child.with_activation))
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
