"""Convolutions in the form that runs fastest on a CPU, joined with a sum and a ReLU."""

from typing import Any, TypeGuard

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn
from torch.nn.functional import fold, relu

from rsn_mm.models.layers import ConvNorm, ConvNormAdd, add
from rsn_mm.processors import has_bfloat16

_NAMES = ('_convolution_pointwise', '_convolution_pointwise_', '_reorder_convolution_weight',
          '_get_mkldnn_serialized_md')
#: The operations that torch's compiler uses for convolutions on a CPU; ``None`` if this build of
#: torch lacks them.
_OPS: Any = torch.ops.mkldnn if torch.backends.mkldnn.is_available() and all(
    hasattr(torch.ops.mkldnn, name) for name in _NAMES) else None
#: Types of features that these operations accept on this CPU.
_DTYPES = () if _OPS is None else (
    torch.float32, *([torch.bfloat16] if has_bfloat16() else []))
#: Number of output channels that a CPU computes together, which fill one register.
LANES = 16
#: Up to this many channels beyond a multiple of :data:`LANES` are cheaper tap by tap.
MAX_SPARE = 3
#: Number of shapes of the input whose layout is remembered.
MAX_SHAPES = 64


class PackedWeight:
    """The weight of a convolution in the layouts of oneDNN.

    Which layout is the fastest depends on the shape of the input, above all on the batch size. A
    weight in another layout is brought into this one before every convolution, which can take
    longer than the convolution itself. The weight is therefore kept in each layout that was asked
    for, of which there are few.

    Args:
        weight: The weight, which must not change.
        geometry: Padding, stride, dilation and number of groups of the convolution.
    """

    def __init__(self, weight: Tensor, *geometry: Any) -> None:
        self._weight = weight
        self._geometry = geometry
        self._by_shape: dict[torch.Size, Tensor] = {}
        self._by_layout: dict[bytes, Tensor] = {}

    def for_input(self, shape: torch.Size) -> Tensor:
        """The weight in the layout for inputs of a shape (B, C, H, W)."""
        packed = self._by_shape.get(shape)
        if packed is None:
            packed = _OPS._reorder_convolution_weight(self._weight, *self._geometry, shape)
            layout = _OPS._get_mkldnn_serialized_md(packed).numpy().tobytes()
            packed = self._by_layout.setdefault(layout, packed)
            if len(self._by_shape) == MAX_SHAPES:
                self._by_shape.clear()
            self._by_shape[shape] = packed
        return packed


class PackedConv(nn.Module):
    """A convolution, optionally followed by a sum with another feature and a ReLU, for prediction.

    The bias may be float32 with weights in bfloat16, because it is added before rounding.

    On a CPU, oneDNN brings the weights into its own layout before every convolution. Here this is
    done once for each shape of the input, and again when the weights change. Writes to
    ``weight.data`` bypass autograd and are not noticed. On other devices, in tracing, and if
    gradients are needed, the plain convolution runs.

    Args:
        conv: The convolution, whose weights are kept.
        relu: Whether a ReLU follows.
    """

    def __init__(self, conv: nn.Conv2d, relu: bool = False) -> None:
        super().__init__()
        self.conv = conv
        self.relu = relu
        #: The weights, their version, and their packed parts.
        self._packed: tuple[Tensor, int, list[PackedWeight]] | None = None

    def forward(self, x: Tensor, addend: Tensor | None = None,
                may_overwrite_addend: bool = False) -> Tensor:
        """As :class:`~rsn_mm.models.layers.ConvNormAdd`, without an addend too."""
        if not self._can_pack(x):
            out = self._convolve_plainly(x)
        elif addend is None:
            return _OPS._convolution_pointwise(
                x, *self._arguments(x), 'relu' if self.relu else 'none', [], '')
        elif (may_overwrite_addend and addend.dtype == x.dtype
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
        """Packed weights, the bias (cast if a type is given), and the geometry."""
        conv = self.conv
        weight, = self._packed_for(x)
        return (weight, self._bias(bias_dtype), conv.padding, conv.stride, conv.dilation,
                conv.groups)

    def _packed_for(self, x: Tensor) -> list[Tensor]:
        """The parts of the weight in the layouts for an input."""
        weight = self.conv.weight
        if (self._packed is None or self._packed[0] is not weight
                or self._packed[1] != weight._version):
            self._packed = weight, weight._version, self._pack(weight.detach())
        return [part.for_input(x.shape) for part in self._packed[2]]

    def _pack(self, weight: Tensor) -> list[PackedWeight]:
        conv = self.conv
        return [PackedWeight(weight, conv.padding, conv.stride, conv.dilation, conv.groups)]

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
    """A 3x3 convolution with a few more output channels than fill a register, such as 17.

    oneDNN would compute as many channels as fill another register, 32 in all. Here a 1x1
    convolution makes nine maps for each channel that is left over, one per tap, and the channel is
    the sum of these maps, each moved by its tap's offset.
    """

    #: Of both convolutions.
    PADDINGS = (1, 1), (0, 0)

    @staticmethod
    def fits(conv: nn.Conv2d) -> bool:
        """Whether a convolution has this form."""
        return (conv.out_channels > LANES and 0 < conv.out_channels % LANES <= MAX_SPARE
                and conv.kernel_size == (3, 3) and conv.groups == 1
                and conv.padding == conv.stride == conv.dilation == (1, 1))

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # no sum follows it
        if not self._can_pack(x):
            return self._convolve_plainly(x)
        most, taps = (
            _OPS._convolution_pointwise(x, weight, None, padding, (1, 1), (1, 1), 1, 'none', [], '')
            for weight, padding in zip(self._packed_for(x), self.PADDINGS, strict=True))
        out = torch.cat((most, fold(taps.flatten(2), x.shape[2:], 3, padding=1)), 1)
        bias = self._bias(out.dtype)
        return out if bias is None else out.add_(bias[:, None, None])

    def _pack(self, weight: Tensor) -> list[PackedWeight]:
        spare = len(weight) % LANES
        # A convolution reads from the side of a tap, but `fold` moves maps to that side: flip.
        taps = weight[-spare:].flip(2, 3).permute(0, 2, 3, 1).reshape(9 * spare, -1, 1, 1)
        return [PackedWeight(part, padding, (1, 1), (1, 1), 1)
                for part, padding in zip((weight[:-spare], taps), self.PADDINGS, strict=True)]


def pack_convs(module: nn.Module) -> None:
    """Replace every convolution in ``module`` by a :class:`PackedConv`; norms must be folded."""
    for name, child in module.named_children():
        if _is_conv_and_relu(child):
            is_heatmap = not child.with_activation and PackedHeatmapConv.fits(child.conv)
            setattr(module, name, PackedHeatmapConv(child.conv) if is_heatmap else
                    PackedConv(child.conv, relu=child.with_activation))
        elif _is_plain_conv(child):
            setattr(module, name, PackedConv(child))
        else:
            pack_convs(child)


def _is_plain_conv(module: object) -> TypeGuard[nn.Conv2d]:
    return (type(module) is nn.Conv2d and module.padding_mode == 'zeros'
            and not isinstance(module.padding, str))


def _is_conv_and_relu(module: nn.Module) -> TypeGuard[ConvModule]:
    """Whether the module is just a convolution, optionally followed by a ReLU."""
    return (type(module) in (ConvModule, ConvNorm, ConvNormAdd)
            and _is_plain_conv(module.conv) and not module.with_explicit_padding
            and isinstance(module.norm, nn.Identity | None)
            and (not module.with_activation or type(module.activate) is nn.ReLU))
