"""Where a foreign format stores the tensors of an ``rsn_mm`` estimator."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from rsn_mm.checkpoints.fitting import Shape
from rsn_mm.errors import CheckpointError

from .preprocessing import BGR, Preprocessing

#: Levels of a stage, in all foreign formats.
NUM_LEVELS = 4

#: What the names of norms' running means end with in our state dicts.
MEAN = '.bn.running_mean'
#: What the names of the biases before these norms end with, in formats that have them.
BIAS = '.conv.bias'

#: Layers of the released Pose Refine Machine, by our names.
PRM_LAYERS = {
    'conv': 'conv_bn_relu_prm_1',
    'channel_path.0': 'conv_bn_relu_prm_2_1',
    'channel_path.1': 'conv_bn_relu_prm_2_2',
    'spatial_path.0': 'conv_bn_relu_prm_3_1',
    'spatial_path.1': 'conv_bn_relu_prm_3_2',
}


class UnitTensor(NamedTuple):
    """A tensor of a residual unit in a foreign state dict."""

    stage: int  #: from 0
    level: int  #: from 0, fine to coarse
    block: int  #: from 0, of the level
    name: str  #: inside the unit


@dataclass(frozen=True)
class Layout:
    """The names of a foreign format, for networks of one kind of residual unit.

    All formats have the same tree of modules, since they descend from the same code. They differ in
    the names of its leaves, which are the fields of this class.
    """

    sources: tuple[str, ...]  #: what a user may call the format, the usual name first
    title: str  #: for messages
    unit: str  #: of the backbone, ``'rsb'`` or ``'bottleneck'``
    stem: str
    stage: str  #: with ``{}`` for the stage's number
    lateral: str
    encoder_skip: str
    decoder_skip: str
    feature: str  #: the head's 1x1 convolution; with stage, up (from 1) and index (over all heads)
    heatmap: str  #: the head's 3x3 convolution, likewise
    fuse: str = ''  #: last convolution of an RSB
    conv: str = ''  #: a convolution or norm of a bottleneck; with part and number (from 1)
    conv_bias: bool = False  #: whether a convolution before a norm has a bias
    prm: str | None = None  #: place of a Pose Refine Machine for the last heatmaps, if there is one
    images: Preprocessing = BGR  #: what the networks expect, unless the checkpoint tells
    #: Brings a state dict of another version of the format to these names.
    prepare: Callable[[dict[str, Tensor]], dict[str, Tensor]] = dict

    def unit_tensor(self, foreign_name: str) -> UnitTensor | None:
        """Parse the name of a tensor of a residual unit; ``None`` for other tensors."""
        stage = re.escape(self.stage.format('@')).replace('@', r'(\d+)')
        match = re.fullmatch(rf'{stage}\.downsample\.layer(\d+)\.(\d+)\.(.+)', foreign_name)
        if match is None:
            return None
        return UnitTensor(int(match[1]), int(match[2]) - 1, int(match[3]), match[4])

    def has_unit(self, foreign_name: str) -> bool:
        """Whether a name shows that there is a unit of this kind, and of no other kind."""
        tensor = self.unit_tensor(foreign_name)
        if tensor is None:
            return False
        if self.unit == 'rsb':
            return tensor.name.startswith('conv_bn_relu2_')
        return tensor.name.startswith(self.conv.format(part='conv', number=2) + '.')

    def shapes(self, ours: Mapping[str, Shape]) -> dict[str, Shape]:
        """Names and shapes of all tensors that the format has for a network.

        Args:
            ours: Shape of every tensor of the network, by our name.
        """
        shapes = {self.foreign_name(name): shape for name, shape in ours.items()}
        if self.conv_bias:
            shapes |= {self.foreign_bias(name): shape for name, shape in ours.items()
                       if name.endswith(MEAN)}
        return shapes

    def foreign_bias(self, mean: str) -> str:
        """Where the format stores the bias before a norm, given our name of the norm's mean."""
        return self.foreign_name(mean.removesuffix(MEAN) + BIAS)

    def foreign_name(self, name: str) -> str:
        """Where the format stores a tensor.

        Args:
            name: Name of the tensor in the state dict of an ``rsn_mm`` estimator.

        Raises:
            CheckpointError: If the format has no such tensor.
        """
        try:
            *layer, part, tensor = name.split('.')
            return f'{self._foreign_layer(layer, part)}.{tensor}'
        except (KeyError, ValueError):
            raise CheckpointError(
                f'{name} has no counterpart in a checkpoint of {self.title}') from None

    def _foreign_layer(self, layer: list[str], part: str) -> str:
        match layer:
            case ['backbone', 'stem', 'conv']:
                return f'{self.stem}.{part}'
            case ['backbone', 'stages', stage, 'encoder', 'levels', level, block, *layer]:
                unit = f'{self.stage.format(stage)}.downsample.layer{int(level) + 1}.{block}'
                return f'{unit}.{self._unit_layer(layer, part)}'
            case ['backbone', 'stages', stage, 'decoder', *layer]:
                return f'{self.stage.format(stage)}.upsample.{self._decoder_layer(layer)}.{part}'
            case ['head', 'predictors', stage, unit, ('feature' | 'heatmap') as conv]:
                template = self.feature if conv == 'feature' else self.heatmap
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
            # Units are numbered coarse to fine, and skips fine to coarse.
            case ['bridge', 'encoder_skips', level]:
                return f'up{NUM_LEVELS - int(level)}.{self.encoder_skip}'
            case ['bridge', 'decoder_skips', level]:
                return f'up{NUM_LEVELS - int(level)}.{self.decoder_skip}'
            case ['bridge', 'cross']:
                return f'up{NUM_LEVELS}.cross_conv'
        raise KeyError(layer)
