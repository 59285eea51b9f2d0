"""The upward half of a stage, and what it passes on to the next stage."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.functional import interpolate

from .checkpointing import CheckpointedModule
from .layers import ConvNorm, ConvNormAdd, conv_norm


def resize(x: Tensor, size_hw: Sequence[int]) -> Tensor:
    """Resize bilinearly with aligned corners, as the reference does everywhere."""
    if x.shape[-2:] == torch.Size(size_hw):
        return x
    return interpolate(x, size=tuple(size_hw), mode='bilinear', align_corners=True)


class ResizedConv(ConvNorm):
    """A 1x1 convolution, a resize and a norm.

    The reference resizes first. The weights of an interpolation add up to 1, so the convolution can
    come before it with the same result, and then works on a quarter of the cells. The norm stays
    behind the resize, because in training it uses the statistics of the resized feature.

    Shapes: (B, C, h, w) and a size (H, W) to (B, C, H, W).
    """

    def forward(self, x: Tensor, size_hw: Sequence[int]) -> Tensor:
        x = resize(self.conv(x), size_hw)
        return self.norm(x) if self.with_norm else x


class DecoderUnit(CheckpointedModule):
    """One level of a decoder: ``ReLU(lateral(x) + up(coarser))`` with 1x1 convolutions.

    Args:
        in_channels: Channels of the encoder's feature of this level.
        unit_channels: Channels of the output and of the coarser output.
        coarsest: Whether there is no coarser level.
    """

    def __init__(self, in_channels: int, unit_channels: int, *, coarsest: bool,
                 norm_cfg: dict | None, with_cp: bool) -> None:
        super().__init__(with_cp)
        self.lateral = conv_norm(
            in_channels, unit_channels, norm_cfg=norm_cfg, module=ConvNormAdd)
        self.up = None if coarsest else conv_norm(
            unit_channels, unit_channels, norm_cfg=norm_cfg, relu=False, module=ResizedConv)

    def compute(self, x: Tensor, coarser: Tensor | None) -> Tensor:
        up = None if self.up is None else self.up(coarser, x.shape[-2:])
        return self.lateral(x, up, may_overwrite_addend=True)


class Bridge(BaseModule):
    """What one stage passes on to the next: its input and, per level, a skip (MSPN, section 3.2).

    The input is a 1x1 convolution of the finest output. A skip is
    ``ReLU(BN(1x1(feature))) + ReLU(BN(1x1(output)))`` in the channels of the encoder's feature.

    Args:
        in_channels: Channels of the encoder's features, fine to coarse.
        unit_channels: Channels of the decoder's outputs.
        out_channels: Channels of the next stage's input.
        with_skips: Whether there are skips.
    """

    def __init__(self, in_channels: Sequence[int], unit_channels: int, out_channels: int,
                 norm_cfg: dict | None, with_skips: bool) -> None:
        super().__init__()
        self.with_skips = with_skips
        if with_skips:
            self.encoder_skips = nn.ModuleList(
                conv_norm(c, c, norm_cfg=norm_cfg) for c in in_channels)
            self.decoder_skips = nn.ModuleList(
                conv_norm(unit_channels, c, norm_cfg=norm_cfg) for c in in_channels)
        self.cross = conv_norm(unit_channels, out_channels, norm_cfg=norm_cfg)

    def forward(self, features: Sequence[Tensor],
                outputs: Sequence[Tensor]) -> tuple[Tensor, list[Tensor] | None]:
        """Compute the next stage's input and its skips, fine to coarse.

        Args:
            features: The encoder's features, fine to coarse.
            outputs: The decoder's outputs, coarse to fine.
        """
        if not self.with_skips:
            return self.cross(outputs[-1]), None
        skips = [
            of_feature(feature) + of_output(output) for of_feature, of_output, feature, output in
            zip(self.encoder_skips, self.decoder_skips, features, reversed(outputs))
        ]
        return self.cross(outputs[-1]), skips


class DecoderOutput(NamedTuple):
    """What a decoder returns."""

    outputs: list[Tensor]  #: one per unit, coarse to fine, (B, unit_channels, h, w)
    next_input: Tensor | None  #: input of the next stage, if there is one
    skips: list[Tensor] | None  #: skips for the levels of the next stage, fine to coarse


class Decoder(BaseModule):
    """Decoder units, coarse to fine.

    Args:
        in_channels: Channels of the encoder's features, fine to coarse.
        unit_channels: Channels of every output.
        next_channels: Channels of the next stage's input; ``None`` in the last stage.
        with_skips: Whether the next stage gets skips.
    """

    def __init__(self, in_channels: Sequence[int], unit_channels: int, *,
                 next_channels: int | None, norm_cfg: dict | None, with_cp: bool,
                 with_skips: bool) -> None:
        super().__init__()
        self.units = nn.ModuleList(
            DecoderUnit(c, unit_channels, coarsest=i == 0, norm_cfg=norm_cfg, with_cp=with_cp)
            for i, c in enumerate(reversed(in_channels)))
        self.bridge = None if next_channels is None else Bridge(
            in_channels, unit_channels, next_channels, norm_cfg, with_skips)

    def forward(self, features: Sequence[Tensor]) -> DecoderOutput:
        """Decode the encoder's features, given fine to coarse."""
        outputs: list[Tensor] = []
        for unit, feature in zip(self.units, reversed(features)):
            outputs.append(unit(feature, outputs[-1] if outputs else None))
        if self.bridge is None:
            return DecoderOutput(outputs, None, None)
        return DecoderOutput(outputs, *self.bridge(features, outputs))
