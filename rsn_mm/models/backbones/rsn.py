"""RSN, the Residual Steps Network, and with other units MSPN and the paper's baselines.

Paper: Cai et al., "Learning Delicate Local Representations for Multi-Person Pose Estimation",
ECCV 2020. With ``unit='bottleneck'``: Li et al., "Rethinking on Multi-Stage Networks for Human Pose
Estimation", 2019.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from mmengine.model import BaseModule, initialize
from torch import Tensor, nn

from rsn_mm.errors import OptionError, require_at_least
from rsn_mm.registry import MODELS

from ..decoder import Decoder
from ..encoder import BASE_PLANES, Encoder
from ..layers import BN, KAIMING_INIT, conv_norm, norm_layers
from ..units import ResidualUnit, check_unit, resolve_unit
from .stage_features import StageFeatures

#: Units per level, fine to coarse, in the ResNet of the same depth.
NUM_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
STEM_CHANNELS = 64
UNIT_CHANNELS = 256
OUT_MODES = ('stages', 'pyramid')


class Stem(nn.Module):
    """A 7x7 convolution of stride 2 and a 3x3 max-pooling of stride 2.

    It is not a ``BaseModule``: mmengine would then initialize the convolution once more, after the
    backbone's ``init_cfg`` and against it.
    """

    def __init__(self, norm_cfg: dict | None) -> None:
        super().__init__()
        self.conv = conv_norm(3, STEM_CHANNELS, 7, stride=2, norm_cfg=norm_cfg)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.conv(x))


class Stage(BaseModule):
    """An encoder and a decoder; the decoder is missing where only the encoder's features count."""

    def __init__(self, encoder: Encoder, decoder: Decoder | None) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder


@MODELS.register_module()
class RSN(BaseModule):
    """Stages, each of an encoder and a decoder, behind a common stem.

    Two networks have the paper's names. ``variant='paper'`` matches the GFLOPs that the paper
    reports (branches of ``planes * 26 // 64`` channels, expansion 4 from depth 50 on; inferred from
    these counts). ``variant='released'`` is the network of the released code and MMPose's RSN
    (branches of ``input channels * 26 // 64``, expansion 1).

    ``num_branches``, ``variant``, ``branch_width`` and ``expansion`` are options of the unit. They
    may as well stand in its config: ``unit=dict(type='rsb', num_branches=3)``. Their defaults are
    the unit's own, and an option that the unit does not have is refused.

    Args:
        depth: 18, 50 or 101; there are as many units per level as in the ResNet of this depth.
        num_stages: Number of stages, 1 or more.
        unit: Residual unit: ``'rsb'``, ``'basic'``, ``'bottleneck'``, ``'res2net'``, ``'dense'``,
            ``'osnet'``, or a unit of your own (:class:`~rsn_mm.models.units.ResidualUnit`); or a
            config with its name as ``type`` and its options.
        num_branches: Number of branches; 4 by default, 2 to 6 in the paper's Table 4. For Res2Net
            it is the number of scales, for the dense unit of 3x3 convolutions, for OSNet of
            streams.
        variant: ``'paper'`` (the default) or ``'released'``, see above.
        unit_channels: Channels of the decoder's outputs.
        out_mode: ``'stages'`` for multi-stage heads, or ``'pyramid'`` for necks such as FPN and
            for heads with a single output; the last stage has no decoder then.
        with_cp: Recompute residual and decoder units in the backward pass, which saves memory and
            does not change the result.
        norm_cfg: Normalization of every layer; ``None`` for none.
        num_blocks: Units per level, fine to coarse, in place of those that ``depth`` implies. Its
            length is the number of levels.
        expansion: Output channels of a level divided by its base channels, in place of what depth
            and unit imply.
        branch_width: Channels of a branch where the base is 64. The default of the RSB is 26, but
            in the variant ``'paper'`` with another number of branches than 4 it is such that the
            cost stays the same.
        stage_skips: Add features of a stage's encoder and decoder to the encoder of the next stage,
            level by level (MSPN's cross-stage feature aggregation). Without it the next stage gets
            only the finest output.
        frozen_stages: -1 freezes nothing, 0 the stem, ``i`` the stem and the first ``i`` stages.
            Frozen parts are in eval mode and get no gradient.
        norm_eval: Keep all batch norms in eval mode in training.
        zero_init_residual: Start every residual unit as the identity, with its last norm at 0. The
            network then learns faster at first; the reference does not do it.
        channels_last: Compute in this memory format, in which convolutions are faster on most
            CPUs and on GPUs. ``False`` keeps the format of the input. The result is the same up
            to rounding.
        out_indices: Levels of the mode ``'pyramid'`` that are given out, in increasing order;
            ``(1, 2, 3)`` leaves out stride 4, as necks such as those of RTMDet and YOLOX expect.
            By default all.
        init_cfg: Initialization. The default is that of the released code: Kaiming-normal in the
            encoders and torch's own elsewhere. ``dict(type='rsn_mm.PretrainedResNet', ...)`` loads
            a ResNet into the first stage.

    Raises:
        OptionError: If an option has an unknown value, contradicts another one or has no effect.

    Shapes: The input is (B, 3, H, W), normalized images. In the mode ``stages`` the output is a
    list over stages of a list over units, coarse to fine, of (B, unit_channels, h, w), as from
    MMPose's RSN and MSPN. In the mode ``pyramid`` it is a tuple of the last stage's encoder
    features, fine to coarse, with strides 4, 8, 16, 32 and the channels in ``out_channels``, or of
    those levels that ``out_indices`` names.

    Example:
        >>> model = rsn_mm.models.RSN(depth=18, num_stages=2)
        >>> stages = model(torch.zeros(1, 3, 64, 48))
        >>> [tuple(output.shape) for output in stages[-1]]
        [(1, 256, 2, 2), (1, 256, 4, 3), (1, 256, 8, 6), (1, 256, 16, 12)]
    """

    def __init__(self, depth: int = 50, num_stages: int = 1, unit: str | type | Mapping = 'rsb',
                 num_branches: int | None = None, variant: str | None = None,
                 unit_channels: int = UNIT_CHANNELS, out_mode: str = 'stages',
                 with_cp: bool = False, norm_cfg: dict | None = BN,
                 num_blocks: Sequence[int] | None = None, expansion: int | None = None,
                 branch_width: int | None = None, stage_skips: bool = True,
                 frozen_stages: int = -1, norm_eval: bool = False,
                 zero_init_residual: bool = False, channels_last: bool = True,
                 out_indices: Sequence[int] | None = None,
                 init_cfg: dict | list | None = None) -> None:
        super().__init__(init_cfg)
        _check_choice('depth', depth, NUM_BLOCKS)
        _check_choice('out_mode', out_mode, OUT_MODES)
        _check_choice('frozen_stages', frozen_stages, range(-1, num_stages + 1))
        if out_mode == 'pyramid' and num_stages == 1 and unit_channels != UNIT_CHANNELS:
            raise OptionError(f"RSN: unit_channels={unit_channels} has no effect with out_mode="
                              "'pyramid' and one stage, which has no decoder")
        if not stage_skips and num_stages == 1:
            raise OptionError('RSN: stage_skips=False has no effect with one stage')
        if zero_init_residual and norm_cfg is None:
            raise OptionError('RSN: zero_init_residual=True needs norms, but norm_cfg is None')
        num_blocks = tuple(NUM_BLOCKS[depth] if num_blocks is None else num_blocks)
        given = dict(num_branches=num_branches, variant=variant, branch_width=branch_width,
                     expansion=expansion)
        unit_class, options = resolve_unit(
            unit, {name: value for name, value in given.items() if value is not None})
        options.setdefault('expansion', unit_class.default_expansion(depth, **options))
        require_at_least('RSN', 1, num_stages=num_stages, levels=len(num_blocks),
                         num_blocks=min(num_blocks, default=1), expansion=options['expansion'])

        self.num_stages = num_stages
        self.out_mode = out_mode
        self.out_indices = _resolve_indices(out_indices, out_mode, len(num_blocks))
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.zero_init_residual = zero_init_residual
        self.memory_format = (
            torch.channels_last if channels_last else torch.preserve_format)
        make_unit = partial(unit_class, norm_cfg=norm_cfg, with_cp=with_cp, **options)
        check_unit(make_unit)
        self.stem = Stem(norm_cfg)
        self.stages: Any = nn.ModuleList()
        for i in range(num_stages):
            last = i == num_stages - 1
            encoder = Encoder(STEM_CHANNELS if i == 0 else BASE_PLANES, num_blocks, make_unit)
            decoder = None if last and out_mode == 'pyramid' else Decoder(
                encoder.out_channels, unit_channels, next_channels=None if last else BASE_PLANES,
                norm_cfg=norm_cfg, with_cp=with_cp, with_skips=stage_skips)
            self.stages.append(Stage(encoder, decoder))
        #: Channels of the output: one number per level in the mode 'pyramid', one number for all
        #: units in the mode 'stages'.
        self.out_channels = unit_channels if out_mode == 'stages' else [
            encoder.out_channels[i] for i in self.out_indices]
        self.to(memory_format=self.memory_format)
        self._freeze()

    def forward(self, x: Tensor) -> list[list[Tensor]] | tuple[Tensor, ...]:
        # All later layers, also those of the head, keep the memory format of their input.
        x = self.stem(x.to(memory_format=self.memory_format))
        outputs, skips = [], None
        for stage in self.stages:
            features = stage.encoder(x, skips)
            if stage.decoder is None:
                return tuple(features[i] for i in self.out_indices)
            decoded, x, skips = stage.decoder(features)
            outputs.append(StageFeatures(decoded))
        return StageFeatures(outputs)

    def init_weights(self) -> None:
        super().init_weights()
        if self.init_cfg is None:
            self.init_encoders()
        # Loaded weights must not be reset.
        given = self.init_cfg if isinstance(self.init_cfg, (list, tuple)) else [self.init_cfg or {}]
        pretrained = any(cfg.get('type') == 'Pretrained' for cfg in given)
        if self.zero_init_residual and not pretrained:
            for module in self.modules():
                if isinstance(module, ResidualUnit) and not module.loaded:
                    nn.init.zeros_(module.fuse.norm.weight)

    def init_encoders(self) -> None:
        """Initialize the encoders as the released code does, and no other layer."""
        for stage in self.stages:
            initialize(stage.encoder, list(KAIMING_INIT))

    def train(self, mode: bool = True) -> 'RSN':
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for norm in norm_layers(self):
                norm.eval()
        return self

    def _freeze(self) -> None:
        if self.frozen_stages < 0:
            return
        for module in (self.stem, *self.stages[:self.frozen_stages]):
            module.eval()
            module.requires_grad_(False)


def _check_choice(name: str, value: object, choices: Sequence | dict) -> None:
    if value not in choices:
        raise OptionError(f'RSN: {name}={value!r}, expected one of {list(choices)}')


def _resolve_indices(indices: Sequence[int] | None, out_mode: str, num_levels: int) -> list[int]:
    """The levels that are given out in the mode ``'pyramid'``."""
    levels = range(num_levels)
    if indices is None:
        return list(levels)
    if out_mode != 'pyramid':
        raise OptionError(f"RSN: out_indices={indices!r} has no effect with out_mode={out_mode!r}, "
                          "expected out_mode='pyramid'")
    if (not isinstance(indices, Sequence) or not indices or not set(indices) <= set(levels)
            or list(indices) != sorted(set(indices))):
        raise OptionError(f'RSN: out_indices={indices!r}, expected some of {list(levels)} in '
                          'increasing order')
    return list(indices)
