"""The upward half of a stage, and what it hands to the next one."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.functional import interpolate

from .layers import CheckpointedModule, ConvNorm, SummedConv, conv_norm


def resize(x: Tensor, size_hw: Sequence[int]) -> Tensor:
    """Bilinear resize with aligned corners, as everywhere in the reference."""
    if x.shape[-2:] == torch.Size(size_hw):
        return x
    return interpolate(x, size=tuple(size_hw), mode='bilinear', align_corners=True)


class ResizedConv(ConvNorm):
    """A 1x1 convolution, a resize and a norm.

    The reference resizes first. Interpolation weights add up to 1, so the two commute, and the
    convolution has a quarter of the cells to go over; the norm stays behind the resize, whose
    statistics it takes in training.

    Shapes: (B, C, h, w) and a size (H, W) to (B, C, H, W).
    """

    def forward(self, x: Tensor, size_hw: Sequence[int]) -> Tensor:
        x = resize(self.conv(x), size_hw)
        return self.norm(x) if self.with_norm else x


class DecoderUnit(CheckpointedModule):
    """``ReLU(lateral(x) + up(coarser))`` with 1x1 convolutions, at one level.

    Args:
        in_channels: Channels of the encoder's feature of this level.
        unit_channels: Channels of the output and of the coarser output.
        coarsest: Whether there is no coarser level.
    """

    def __init__(self, in_channels: int, unit_channels: int, *, coarsest: bool, norm_cfg: dict,
                 with_cp: bool) -> None:
        super().__init__(with_cp)
        self.lateral = conv_norm(
            in_channels, unit_channels, norm_cfg=norm_cfg, module=SummedConv)
        self.up = None if coarsest else conv_norm(
            unit_channels, unit_channels, norm_cfg=norm_cfg, relu=False, module=ResizedConv)

    def compute(self, x: Tensor, coarser: Tensor | None) -> Tensor:
        up = None if self.up is None else self.up(coarser, x.shape[-2:])
        return self.lateral(x, up, is_free=True)


class Bridge(BaseModule):
    """From a stage to the next: two skips per level and the next stage's input.

    ``skip = ReLU(BN(1x1(feature))) + ReLU(BN(1x1(out)))``, in the encoder's channels; the input is
    a 1x1 convolution of the finest output.

    Args:
        in_channels: Channels of the encoder's features, fine to coarse.
        unit_channels: Channels of the decoder's outputs.
        out_channels: Channels of the next stage's input.
    """

    def __init__(self, in_channels: Sequence[int], unit_channels: int, out_channels: int,
                 norm_cfg: dict) -> None:
        super().__init__()
        self.encoder_skips = nn.ModuleList(
            conv_norm(c, c, norm_cfg=norm_cfg) for c in in_channels)
        self.decoder_skips = nn.ModuleList(
            conv_norm(unit_channels, c, norm_cfg=norm_cfg) for c in in_channels)
        self.cross = conv_norm(unit_channels, out_channels, norm_cfg=norm_cfg)

    def forward(self, features: Sequence[Tensor],
                outputs: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Next stage's input and its skips, fine to coarse.

        Args:
            features: The encoder's, fine to coarse.
            outputs: The decoder's, coarse to fine.
        """
        skips = [
            of_feature(feature) + of_output(output) for of_feature, of_output, feature, output in
            zip(self.encoder_skips, self.decoder_skips, features, reversed(outputs))
        ]
        return self.cross(outputs[-1]), skips


class DecoderOutput(NamedTuple):
    """What a decoder returns."""

    outputs: list[Tensor]  #: per unit, coarse to fine, (B, unit_channels, h, w)
    next_input: Tensor | None  #: of the next stage, if there is one
    skips: list[Tensor] | None  #: for the next stage's levels, fine to coarse


class Decoder(BaseModule):
    """Decoder units, coarse to fine.

    Args:
        in_channels: Channels of the encoder's features, fine to coarse.
        unit_channels: Channels of every output.
        next_channels: Channels of the next stage's input; ``None`` in the last stage.
    """

    def __init__(self, in_channels: Sequence[int], unit_channels: int, *,
                 next_channels: int | None, norm_cfg: dict, with_cp: bool = False) -> None:
        super().__init__()
        self.units = nn.ModuleList(
            DecoderUnit(c, unit_channels, coarsest=i == 0, norm_cfg=norm_cfg, with_cp=with_cp)
            for i, c in enumerate(reversed(in_channels)))
        self.bridge = None if next_channels is None else Bridge(
            in_channels, unit_channels, next_channels, norm_cfg)

    def forward(self, features: Sequence[Tensor]) -> DecoderOutput:
        """Decode the encoder's features (fine to coarse)."""
        outputs: list[Tensor] = []
        for unit, feature in zip(self.units, reversed(features)):
            outputs.append(unit(feature, outputs[-1] if outputs else None))
        if self.bridge is None:
            return DecoderOutput(outputs, None, None)
        return DecoderOutput(outputs, *self.bridge(features, outputs))
