"""RSN, the Residual Steps Network, and with other units MSPN and the paper's baselines.

Paper: Cai et al., "Learning Delicate Local Representations for Multi-Person Pose Estimation",
ECCV 2020. With ``unit='bottleneck'``: Li et al., "Rethinking on Multi-Stage Networks for Human Pose
Estimation", 2019.
"""

from collections.abc import Sequence
from functools import partial

import torch
from mmengine.model import BaseModule, initialize
from torch import Tensor, nn

from rsn_mm.errors import OptionError
from rsn_mm.registry import MODELS

from ..decoder import Decoder
from ..encoder import BASE_PLANES, Encoder
from ..layers import BN, KAIMING_INIT, conv_norm, norm_layers
from ..units import BRANCHES, UNITS, ResidualUnit

#: Units per level, fine to coarse, as in the ResNet of the same depth.
NUM_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
STEM_CHANNELS = 64
UNIT_CHANNELS = 256
VARIANTS = ('paper', 'released')
OUT_MODES = ('stages', 'pyramid')


class Stem(nn.Module):
    """7x7 convolution of stride 2 and 3x3 max-pooling of stride 2.

    No ``BaseModule``: mmengine would let the convolution initialize itself after, and against, the
    backbone's ``init_cfg``.
    """

    def __init__(self, norm_cfg: dict) -> None:
        super().__init__()
        self.conv = conv_norm(3, STEM_CHANNELS, 7, stride=2, norm_cfg=norm_cfg)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.conv(x))


class Stage(BaseModule):
    """An encoder and, unless only its features are wanted, a decoder."""

    def __init__(self, encoder: Encoder, decoder: Decoder | None) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder


@MODELS.register_module()
class RSN(BaseModule):
    """Stages of encoder and decoder behind a common stem.

    Two networks bear the paper's names. ``variant='paper'`` matches the GFLOPs the paper reports
    (branches of ``planes * 26 // 64`` channels, expansion 4 from depth 50 on; inferred from those
    counts). ``variant='released'`` is the released code and MMPose's RSN (``input channels * 26 //
    64``, expansion 1).

    Args:
        depth: 18, 50 or 101: units per level as in that ResNet.
        num_stages: Number of stages, 1 or more.
        unit: Name of the residual unit, one of :data:`~rsn_mm.models.units.UNITS`.
        num_branches: Branches of a unit that has branches, 2 to 6 in the paper's Table 4: of an
            RSB, scales of Res2Net, layers of a dense unit, streams of OSNet.
        variant: ``'paper'`` or ``'released'``, see above.
        unit_channels: Channels of the decoder's outputs.
        out_mode: ``'stages'`` for multi-stage heads, ``'pyramid'`` for necks such as FPN and for
            single-output heads; the last stage has no decoder then.
        with_cp: Recompute residual and decoder units in backward: less memory, the same result.
        norm_cfg: Normalization of every layer.
        num_blocks: Units per level, fine to coarse, instead of what ``depth`` implies; its length
            is the number of levels.
        expansion: Output over base channels of a level, instead of what the unit implies.
        branch_width: Channels of a branch where the base is 64, instead of the unit's own choice.
            That of the RSB is 26; in the paper's variant with other than 4 branches, what keeps
            the cost.
        frozen_stages: -1: nothing; 0: the stem; ``i``: the stem and the first ``i`` stages are in
            eval mode and get no gradient.
        norm_eval: Keep all batch norms in eval mode in training.
        zero_init_residual: Start every residual unit as the identity (its last norm at 0), which
            trains faster; the reference does not.
        channels_last: Compute in that memory format, in which convolutions are faster on most
            processors and under AMP on GPUs; the result is the same up to rounding.
        init_cfg: Initialization; by default that of the released code, which is Kaiming-normal in
            the encoders and torch's own elsewhere.
            ``dict(type='rsn_mm.PretrainedResNet', ...)`` loads a ResNet into the first stage.

    Raises:
        OptionError: If an option is unknown, contradicts another one or has no effect.

    Shapes: images (B, 3, H, W), normalized. ``stages``: a list over stages of a list over units,
    coarse to fine, of (B, unit_channels, h, w), the interface of MMPose's RSN and MSPN.
    ``pyramid``: a tuple of the last stage's encoder features, fine to coarse, strides 4, 8, 16, 32,
    with the channels in ``out_channels``.
    """

    def __init__(self, depth: int = 50, num_stages: int = 1, unit: str = 'rsb',
                 num_branches: int = BRANCHES, variant: str = 'paper',
                 unit_channels: int = UNIT_CHANNELS, out_mode: str = 'stages',
                 with_cp: bool = False, norm_cfg: dict = BN,
                 num_blocks: Sequence[int] | None = None, expansion: int | None = None,
                 branch_width: int | None = None,
                 frozen_stages: int = -1, norm_eval: bool = False,
                 zero_init_residual: bool = False, channels_last: bool = False,
                 init_cfg: dict | list | None = None) -> None:
        super().__init__(init_cfg)
        _check_choice('depth', depth, NUM_BLOCKS)
        _check_choice('unit', unit, UNITS)
        _check_choice('variant', variant, VARIANTS)
        _check_choice('out_mode', out_mode, OUT_MODES)
        if num_stages < 1:
            raise OptionError(f'RSN: num_stages={num_stages}, expected 1 or more')
        if not -1 <= frozen_stages <= num_stages:
            raise OptionError(f'RSN: frozen_stages={frozen_stages}, expected -1 (nothing), 0 '
                              f'(stem) or up to num_stages={num_stages}')
        if num_branches < 2:
            raise OptionError(f'RSN: num_branches={num_branches}, expected 2 or more')
        if out_mode == 'pyramid' and num_stages == 1 and unit_channels != UNIT_CHANNELS:
            raise OptionError(f"RSN: unit_channels={unit_channels} has no effect with out_mode="
                              "'pyramid' and one stage, which has no decoder")
        if zero_init_residual and norm_cfg is None:
            raise OptionError('RSN: zero_init_residual=True needs norms, but norm_cfg is None')
        unit_class = UNITS[unit]
        given = dict(num_branches=(num_branches, BRANCHES), variant=(variant, 'paper'),
                     branch_width=(branch_width, None))
        options = {name: value for name, (value, default) in given.items() if value != default}
        for name in options.keys() - unit_class.options:
            raise OptionError(f'RSN: {name}={options[name]!r} has no effect on units {unit!r}')
        num_blocks = tuple(NUM_BLOCKS[depth] if num_blocks is None else num_blocks)
        if expansion is None:
            expansion = unit_class.default_expansion(depth, variant)
        for name, values in (('num_blocks', num_blocks), ('expansion', (expansion, )),
                             ('branch_width', (1 if branch_width is None else branch_width, ))):
            if not values or min(values) < 1:
                raise OptionError(f'RSN: {name}={values}, expected 1 or more')

        self.num_stages = num_stages
        self.out_mode = out_mode
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.zero_init_residual = zero_init_residual
        self.memory_format = (
            torch.channels_last if channels_last else torch.preserve_format)
        make_unit = partial(unit_class, norm_cfg=norm_cfg, with_cp=with_cp, **options)
        self.stem = Stem(norm_cfg)
        self.stages = nn.ModuleList()
        for i in range(num_stages):
            last = i == num_stages - 1
            encoder = Encoder(STEM_CHANNELS if i == 0 else BASE_PLANES, num_blocks, expansion,
                              make_unit)
            decoder = None if last and out_mode == 'pyramid' else Decoder(
                encoder.out_channels, unit_channels, next_channels=None if last else BASE_PLANES,
                norm_cfg=norm_cfg, with_cp=with_cp)
            self.stages.append(Stage(encoder, decoder))
        #: Channels of what comes out: per level in mode 'pyramid', of every unit in mode 'stages'.
        self.out_channels = encoder.out_channels if out_mode == 'pyramid' else unit_channels
        self.to(memory_format=self.memory_format)
        self._freeze()

    def forward(self, x: Tensor) -> list[list[Tensor]] | tuple[Tensor, ...]:
        # Every layer, the head's too, keeps the format of its input.
        x = self.stem(x.to(memory_format=self.memory_format))
        outputs, skips = [], None
        for stage in self.stages:
            features = stage.encoder(x, skips)
            if stage.decoder is None:
                return tuple(features)
            decoded, x, skips = stage.decoder(features)
            outputs.append(decoded)
        return outputs

    def init_weights(self) -> None:
        super().init_weights()
        if self.init_cfg is None:
            self.init_encoders()
        # Weights that were loaded are not to be reset.
        given = self.init_cfg if isinstance(self.init_cfg, (list, tuple)) else [self.init_cfg or {}]
        pretrained = any(cfg.get('type') == 'Pretrained' for cfg in given)
        if self.zero_init_residual and not pretrained:
            for module in self.modules():
                if isinstance(module, ResidualUnit) and not module.loaded:
                    nn.init.zeros_(module.fuse.norm.weight)

    def init_encoders(self) -> None:
        """Initialize the encoders as the released code does; other layers are left alone."""
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
