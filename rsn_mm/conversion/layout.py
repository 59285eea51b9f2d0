"""Where a foreign format keeps the tensors of ours."""

import re
from dataclasses import dataclass

from rsn_mm.errors import CheckpointError

#: Levels of a stage, in all foreign formats.
NUM_LEVELS = 4

#: Layers of the released Pose Refine Machine, by the names of ours.
PRM_LAYERS = {
    'conv': 'conv_bn_relu_prm_1',
    'channel_path.0': 'conv_bn_relu_prm_2_1',
    'channel_path.1': 'conv_bn_relu_prm_2_2',
    'spatial_path.0': 'conv_bn_relu_prm_3_1',
    'spatial_path.1': 'conv_bn_relu_prm_3_2',
}


@dataclass(frozen=True)
class Layout:
    """Names of a foreign format for one kind of residual unit.

    The formats agree on the tree of modules (they descend from the same code) and differ in what
    they call its leaves, which the fields give.
    """

    source: str  #: of :data:`~rsn_mm.conversion.conversion.SOURCES`
    title: str  #: for messages
    unit: str  #: of the backbone, ``'rsb'`` or ``'bottleneck'``
    stem: str
    stage: str  #: with the stage's number
    lateral: str
    encoder_skip: str
    decoder_skip: str
    feature: str  #: the head's 1x1 convolution; with stage, up (from 1) and index (over all heads)
    heatmap: str  #: the head's 3x3 convolution, likewise
    fuse: str = ''  #: last convolution of an RSB
    conv: str = ''  #: a convolution or norm of a bottleneck; with part and number (from 1)
    conv_bias: bool = False  #: whether a convolution before a norm has a bias
    prm: str | None = None  #: where a Pose Refine Machine on the last heatmaps is, if there is one

    def theirs(self, key: str) -> str:
        """Where the format keeps a tensor of ours.

        Args:
            key: A name in the state dict of an ``rsn_mm`` estimator.

        Raises:
            CheckpointError: The format has no such tensor.
        """
        try:
            *layer, part, tensor = key.split('.')
            return f'{self._place(layer, part)}.{tensor}'
        except (KeyError, ValueError):
            raise CheckpointError(f'{key} has no counterpart in a checkpoint of {self.title}'
                                  ) from None

    def _place(self, layer: list[str], part: str) -> str:
        match layer:
            case ['backbone', 'stem', 'conv']:
                return f'{self.stem}.{part}'
            case ['backbone', 'stages', stage, 'encoder', 'levels', level, block, *layer]:
                place = f'{self.stage.format(stage)}.downsample.layer{int(level) + 1}.{block}'
                return f'{place}.{self._unit_layer(layer, part)}'
            case ['backbone', 'stages', stage, 'decoder', *layer]:
                return f'{self.stage.format(stage)}.upsample.{self._decoder_layer(layer)}.{part}'
            case ['head', 'predictors', stage, unit, ('feature' | 'heatmap') as layer]:
                template = self.feature if layer == 'feature' else self.heatmap
                return template.format(
                    stage=stage, up=int(unit) + 1,
                    index=int(stage) * NUM_LEVELS + int(unit)) + f'.{part}'
            case ['head', 'predictors', _, _, 'refine', *layer] if self.prm is not None:
                return f'{self.prm}.{PRM_LAYERS[".".join(layer)]}.{part}'
        raise KeyError(layer)

    def _unit_layer(self, layer: list[str], part: str) -> str:
        match layer:
            case ['shortcut']:
                return f'downsample.{part}'
            case ['convs', i] if self.unit == 'bottleneck':
                return self.conv.format(part=part, number=int(i) + 1)
            case ['split'] if self.unit == 'rsb':
                return f'conv_bn_relu1.{part}'
            case ['branches', i, j] if self.unit == 'rsb':
                return f'conv_bn_relu2_{int(i) + 1}_{int(j) + 1}.{part}'
            case ['fuse'] if self.unit == 'rsb':
                return f'{self.fuse}.{part}'
        raise KeyError(layer)

    def _decoder_layer(self, layer: list[str]) -> str:
        match layer:
            case ['units', unit, 'lateral']:
                return f'up{int(unit) + 1}.{self.lateral}'
            case ['units', unit, 'up']:
                return f'up{int(unit) + 1}.up_conv'
            # Units go coarse to fine, skips fine to coarse.
            case ['bridge', 'encoder_skips', level]:
                return f'up{NUM_LEVELS - int(level)}.{self.encoder_skip}'
            case ['bridge', 'decoder_skips', level]:
                return f'up{NUM_LEVELS - int(level)}.{self.decoder_skip}'
            case ['bridge', 'cross']:
                return f'up{NUM_LEVELS}.cross_conv'
        raise KeyError(layer)

    @property
    def unit_key(self) -> re.Pattern:
        """Matches a key inside a residual unit: stage, level (from 1), block and the rest."""
        stage = re.escape(self.stage.format('@')).replace('@', r'(\d+)')
        return re.compile(rf'{stage}\.downsample\.layer(\d+)\.(\d+)\.(.+)')

    def is_of_this_unit(self, rest: str) -> bool:
        """Whether the last group of :attr:`unit_key` is of this kind of unit and of no other."""
        if self.unit == 'rsb':
            return rest.startswith('conv_bn_relu2_')
        return rest.startswith(self.conv.format(part='conv', number=2) + '.')
