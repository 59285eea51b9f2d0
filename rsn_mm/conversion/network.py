"""Which network a foreign state dict is of."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import nn

# Not from rsn_mm.models itself, whose ensembles import this package.
from rsn_mm.models.backbones.rsn import NUM_BLOCKS, RSN
from rsn_mm.models.encoder import BASE_PLANES
from rsn_mm.models.heads import MultiStageRSNHead

from .layout import NUM_LEVELS, PRM_LAYERS, Layout

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

COCO_JOINTS = 17


@dataclass(frozen=True)
class Network:
    """What the options of backbone and head come down to."""

    unit: str
    depth: int
    num_stages: int = 1
    joints: int = COCO_JOINTS
    variant: str = 'paper'
    num_branches: int = 4  #: of an RSB
    branch_width: int = 26  #: of an RSB
    prm: str | None = None  #: position

    def shapes(self) -> dict[str, Shape]:
        """Name and shape of every tensor of the estimator."""
        rsb = dict(variant=self.variant, num_branches=self.num_branches,
                   branch_width=self.branch_width) if self.unit == 'rsb' else {}
        with torch.device('meta'):
            estimator = nn.ModuleDict(dict(
                backbone=RSN(self.depth, self.num_stages, self.unit, **rsb),
                head=MultiStageRSNHead(
                    self.num_stages, self.joints, heatmap_size=(48, 64),
                    prm=None if self.prm is None else dict(position=self.prm))))
        return {key: tuple(value.shape) for key, value in estimator.state_dict().items()}


def describe(shapes: Shapes, layout: Layout) -> tuple[Network, Layout]:
    """The network that fits best, and the layout with the place of its PRM.

    Nothing is checked here: what the network and the state dict do not have in common is for the
    caller to find.

    Args:
        shapes: Of all tensors in the state dict, by foreign name.
        layout: Of the state dict.
    """
    stages, branches = 1, 0
    blocks = [0] * NUM_LEVELS
    for key in shapes:
        match = layout.unit_key.fullmatch(key)
        if match is None:
            continue
        stage, level, block = (int(group) for group in match.groups()[:3])
        stages = max(stages, stage + 1)
        if level <= NUM_LEVELS:
            blocks[level - 1] = max(blocks[level - 1], block + 1)
        if match[4].startswith('conv_bn_relu2_'):
            branches = max(branches, int(match[4].split('.')[0].split('_')[-2]))
    depth = min(NUM_BLOCKS, key=lambda depth: sum(
        abs(a - b) for a, b in zip(NUM_BLOCKS[depth], blocks)))
    joints = shapes.get(layout.theirs('head.predictors.0.0.heatmap.conv.weight'), (COCO_JOINTS, ))

    network = Network(layout.unit, depth, stages, joints[0])
    if layout.unit == 'rsb' and branches >= 2:
        network = replace(network, num_branches=branches, **_branch_options(shapes, layout))
    prm = _prm_place(shapes) if layout.conv_bias else None
    if prm is not None:
        layout, network = replace(layout, prm=prm), replace(network, prm='heatmap')
    return network, layout


def _branch_options(shapes: Shapes, layout: Layout) -> dict:
    """Branch width of the first level, and the variant, which shows where channels change."""
    widths = []
    for level in (0, 1):
        key = f'backbone.stages.0.encoder.levels.{level}.0.branches.0.0.conv.weight'
        shape = shapes.get(layout.theirs(key))
        if not shape or not shape[0]:
            return dict(variant='released')
        widths.append(shape[0])
    # Level 2 has twice the planes of level 1; its first unit has the input channels of level 1,
    # which without expansion are these planes.
    shape = shapes.get(layout.theirs('backbone.stages.0.encoder.levels.0.0.fuse.conv.weight'))
    expanded = shape is not None and shape[0] != BASE_PLANES
    return dict(branch_width=widths[0],
                variant='paper' if expanded or widths[1] > widths[0] else 'released')


def _prm_place(shapes: Shapes) -> str | None:
    ending = f'.{PRM_LAYERS["conv"]}.conv.weight'
    places = sorted(key.removesuffix(ending) for key in shapes if key.endswith(ending))
    return places[0] if places else None
