"""Which network a foreign state dict is of."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn

from rsn_mm.checkpoints.fitting import Shape, shapes_of
from rsn_mm.models import RSN, MultiStageRSNHead
from rsn_mm.models.backbones.rsn import NUM_BLOCKS
from rsn_mm.models.encoder import BASE_PLANES

from .layout import NUM_LEVELS, Layout

COCO_JOINTS = 17

#: Options that mean something to one kind of unit alone.
UNIT_OPTIONS = {'rsb': ('variant', 'num_branches', 'branch_width'), 'bottleneck': ('expansion', )}


@dataclass(frozen=True)
class Network:
    """The options of a backbone and its head that decide on names and shapes of the tensors."""

    unit: str
    depth: int
    num_stages: int = 1
    joints: int = COCO_JOINTS
    variant: str = 'paper'  #: of an RSB
    num_branches: int = 4  #: of an RSB
    branch_width: int = 26  #: of an RSB
    expansion: int = 4  #: of a bottleneck
    prm: str | None = None  #: position of the Pose Refine Machine

    @property
    def unit_options(self) -> dict[str, Any]:
        """The options that mean something to this kind of unit alone."""
        return {name: getattr(self, name) for name in UNIT_OPTIONS[self.unit]}

    def as_dict(self) -> dict[str, int | str | None]:
        """The options, without those of other kinds of units."""
        foreign = {name for names in UNIT_OPTIONS.values() for name in names}
        foreign -= self.unit_options.keys()
        return {name: value for name, value in asdict(self).items() if name not in foreign}

    def shapes(self) -> dict[str, Shape]:
        """Name and shape of every tensor of the estimator."""
        with torch.device('meta'):
            return shapes_of(nn.ModuleDict(dict(
                backbone=RSN(self.depth, self.num_stages, self.unit, **self.unit_options),
                head=MultiStageRSNHead(
                    self.num_stages, self.joints, heatmap_size=(48, 64),
                    prm=None if self.prm is None else dict(position=self.prm)))).state_dict())


def infer_network(shapes: Mapping[str, Shape], layout: Layout) -> Network:
    """Infer the network that fits a foreign state dict best.

    Nothing is checked here: what the network and the state dict do not have in common is for the
    caller to find.

    Args:
        shapes: Shape of every tensor in the state dict, by its foreign name.
        layout: Layout of the state dict.
    """
    tensors = [tensor for tensor in map(layout.unit_tensor, shapes) if tensor is not None]
    blocks = [max((tensor.block + 1 for tensor in tensors if tensor.level == level), default=0)
              for level in range(NUM_LEVELS)]

    def channels(layer: str) -> int:
        """Output channels of a convolution, by our name of its layer, or 0 if it is not there."""
        shape = shapes.get(layout.foreign_name(f'{layer}.conv.weight'))
        return shape[0] if shape else 0

    network = Network(
        layout.unit,
        depth=min(NUM_BLOCKS, key=lambda depth: sum(
            abs(a - b) for a, b in zip(NUM_BLOCKS[depth], blocks))),
        num_stages=max((tensor.stage + 1 for tensor in tensors), default=1),
        joints=channels('head.predictors.0.0.heatmap') or COCO_JOINTS,
        prm=None if layout.prm is None else 'heatmap')
    if layout.unit == 'bottleneck':
        out_channels = channels('backbone.stages.0.encoder.levels.0.0.convs.2')
        return replace(network, expansion=out_channels // BASE_PLANES or network.expansion)
    branches = {int(tensor.name.split('.')[0].split('_')[-2]) for tensor in tensors
                if tensor.name.startswith('conv_bn_relu2_')}
    if max(branches, default=0) < 2:
        return network
    return replace(network, num_branches=max(branches), **_width_options(channels))


def _width_options(channels: Callable[[str], int]) -> dict[str, Any]:
    """Branch width of an RSB, and the variant, which shows where the number of channels changes."""
    widths = [channels(f'backbone.stages.0.encoder.levels.{level}.0.branches.0.0')
              for level in (0, 1)]
    if not all(widths):
        return dict(variant='released')
    # Level 2 has twice the planes of level 1. Its first unit has as many input channels as level 1
    # has output channels, which without expansion are the planes of level 1.
    is_expanded = channels('backbone.stages.0.encoder.levels.0.0.fuse') not in (0, BASE_PLANES)
    return dict(branch_width=widths[0],
                variant='paper' if is_expanded or widths[1] > widths[0] else 'released')
