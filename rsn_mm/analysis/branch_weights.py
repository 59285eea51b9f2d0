"""How much a trained network uses the branches of its units (the paper's Fig. 5).

From the paper: the figure shows "the average absolute filter weights of the last conv1x1 layers of
each level", and large values are red. Inferred: that the average is taken over the filters, so that
there is one value per input channel, and that the last 1x1 convolution of a level is the one that
fuses the branches of its last unit. The averages per branch of all other units are ours.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import nn

from rsn_mm.errors import OptionError
from rsn_mm.models import RSN
from rsn_mm.models.encoder import Encoder

#: Of the channels: pale is hardly used, dark red is much used.
COLORS = 'YlOrRd'
#: Of the branches: blue is used less than the others of the unit, red is used more.
RELATIVE_COLORS = 'RdBu_r'
#: The strongest color stands for at least this deviation from the unit's mean.
MIN_DEVIATION = 0.1
#: Inches of the figure: width of a stage, height of a level's strip and of a unit's row.
STAGE_WIDTH, STRIP_HEIGHT, ROW_HEIGHT = 4.5, 0.5, 0.26


@dataclass(frozen=True)
class UnitWeights:
    """Mean absolute weights of the convolution that fuses the branches of one unit.

    Args:
        stage: From 1.
        level: From 1, fine to coarse.
        unit: From 1, within its level.
        branches: Names of the features that are fused.
        channels: (branches, channels of a branch), each the mean over the filters.
    """

    stage: int
    level: int
    unit: int
    branches: tuple[str, ...]
    channels: np.ndarray

    @property
    def means(self) -> np.ndarray:
        """The mean of each branch, (branches, )."""
        return self.channels.mean(axis=1)


def branch_weights(backbone: nn.Module) -> list[UnitWeights]:
    """The weights of all units, in the order in which an image passes them.

    Args:
        backbone: An ``RSN`` as it was trained; ``optimize`` would have scaled its convolutions.

    Raises:
        OptionError: If it is another backbone, or its units concatenate no branches.
    """
    if not isinstance(backbone, RSN):
        raise OptionError(f'branch weights: the backbone is a {type(backbone).__name__}, '
                          'expected rsn_mm.RSN')
    weights = []
    encoders = [part for part in backbone.modules() if isinstance(part, Encoder)]
    for s, encoder in enumerate(encoders):
        levels: Any = encoder.levels
        for lvl, level in enumerate(levels):
            for u, unit in enumerate(level):
                branches = unit.fused_features
                if not branches:
                    raise OptionError(
                        f'branch weights: the units are {type(unit).__name__}, expected units that '
                        'concatenate branches, such as rsb, res2net or dense')
                channels = unit.fuse.conv.weight.detach().abs().mean(dim=(0, 2, 3))
                weights.append(UnitWeights(s + 1, lvl + 1, u + 1, branches,
                                           channels.cpu().numpy().reshape(len(branches), -1)))
    return weights


def draw_branch_weights(weights: list[UnitWeights], title: str = '',
                        limit: float | None = None) -> Figure:
    """A column per stage: every channel of each level's last unit, and the means of all units.

    The channels are colored by their weights, as in the paper. The initial weights of a level
    depend on its channels, so that these colors compare networks, not levels. The branches are
    colored by how far they are above or below the mean of their unit.

    Args:
        weights: Of all units of a network.
        title: Above the figure.
        limit: Weight of the darkest color, to compare figures; by default the largest that is
            drawn.
    """
    stages = [list(units) for _, units in groupby(weights, key=lambda w: w.stage)]
    last = [[list(units)[-1] for _, units in groupby(stage, key=lambda w: w.level)]
            for stage in stages]
    if limit is None:
        limit = float(max(unit.channels.max() for units in last for unit in units))
    deviation = max(MIN_DEVIATION, max(np.abs(_deviations(unit)).max() for unit in weights))
    scale = ScalarMappable(Normalize(0, limit), COLORS)
    relative = ScalarMappable(Normalize(-100 * deviation, 100 * deviation), RELATIVE_COLORS)

    rows, strips = max(map(len, stages)), max(map(len, last))
    heights = (STRIP_HEIGHT * strips + 0.8, ROW_HEIGHT * rows + 0.8)
    figure = Figure(figsize=(STAGE_WIDTH * len(stages) + 1.5, sum(heights) + 0.4),
                    layout='constrained')
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    strip_axes = upper.subplots(strips, len(stages), squeeze=False)
    for column, units in enumerate(last):
        for row, unit in enumerate(units):
            _draw_channels(strip_axes[row, column], unit, scale)
        _label_branches(strip_axes[0, column], units[0], stages[column][0].stage)
    mean_axes = lower.subplots(1, len(stages), squeeze=False)[0]
    for axes, units in zip(mean_axes, stages):
        _draw_means(axes, units, relative)
    upper.colorbar(scale, ax=strip_axes, pad=0.02, extend='max',
                   label='mean absolute\nweight of a channel')
    lower.colorbar(relative, ax=mean_axes, pad=0.02, format='%+g%%',
                   label='difference from the mean of the unit')
    if title:
        figure.suptitle(title)
    return figure


def _deviations(unit: UnitWeights) -> np.ndarray:
    """How far each branch lies above the mean of its unit, as a fraction of that."""
    return unit.means / unit.means.mean() - 1


def _draw_channels(axes: Axes, unit: UnitWeights, scale: Any) -> None:
    """A strip of the unit's input channels, with lines between the branches."""
    branches, width = unit.channels.shape
    axes.imshow(unit.channels.reshape(1, -1), norm=scale.norm, cmap=scale.cmap, aspect='auto',
                interpolation='nearest')
    for i in range(1, branches):
        axes.axvline(i * width - 0.5, color='black', linewidth=1)
    axes.set_xticks([])
    axes.set_yticks([0], [f'level {unit.level}\n{branches} x {width}'], fontsize=8)
    axes.tick_params(length=0)


def _label_branches(axes: Axes, unit: UnitWeights, stage: int) -> None:
    branches, width = unit.channels.shape
    axes.set_title(f'Stage {stage}: channels of the last unit of each level', fontsize=9)
    axes.xaxis.tick_top()
    axes.set_xticks([(i + 0.5) * width - 0.5 for i in range(branches)], unit.branches, fontsize=8)
    axes.tick_params(length=0)


def _draw_means(axes: Axes, units: list[UnitWeights], scale: Any) -> None:
    """A table of the means: a row per unit, a column per branch."""
    deviations = 100 * np.stack([_deviations(unit) for unit in units])
    axes.imshow(deviations, norm=scale.norm, cmap=scale.cmap, aspect='auto',
                interpolation='nearest')
    for row, unit in enumerate(units):
        for column, mean in enumerate(unit.means):
            is_dark = abs(scale.norm(deviations[row, column]) - 0.5) > 0.3
            axes.text(column, row, f'{mean:.3f}', ha='center', va='center', fontsize=7,
                      color='white' if is_dark else 'black')
        if row and unit.level != units[row - 1].level:
            axes.axhline(row - 0.5, color='black', linewidth=1)
    axes.set_xticks(range(len(units[0].branches)), units[0].branches, fontsize=8)
    axes.set_yticks(range(len(units)), [f'level {unit.level}, unit {unit.unit}' for unit in units],
                    fontsize=8)
    axes.tick_params(length=0)
    axes.set_title(f'Stage {units[0].stage}: mean absolute weight of each branch', fontsize=9)
