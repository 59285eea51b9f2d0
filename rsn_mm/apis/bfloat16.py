"""An estimator in bfloat16, but for what keypoints are most sensitive to.

Rounding moves a keypoint where it changes which neighbour of a peak is the second highest cell. It
does so most in the image, in the first features that all others are made of, in sums that run
through many units, and in the heatmaps themselves, whose steps are 1 near their peak.
"""

import copy

import torch
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import Tensor, nn

from rsn_mm.models import RSN
from rsn_mm.models.units import ResidualUnit


class InFloat32(nn.Module):
    """A module that computes in float32 on features of any type.

    Args:
        module: In float32.
        out: Type of what it returns.
    """

    def __init__(self, module: nn.Module, out: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.module = module
        self.out = out

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x.float()).to(self.out)


class SumInFloat32(nn.Module):
    """A residual unit in bfloat16 that adds up in float32.

    Args:
        unit: In bfloat16.
        out: Type of what it returns.
    """

    def __init__(self, unit: ResidualUnit, out: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.unit = unit
        self.out = out

    def forward(self, x: Tensor) -> Tensor:
        rounded = x.to(torch.bfloat16)
        is_identity = isinstance(self.unit.shortcut, nn.Identity)
        shortcut = x if is_identity else self.unit.shortcut(rounded)
        return self.unit.relu(shortcut.float() + self.unit.residual(rounded)).to(self.out)


def to_bfloat16(model: TopdownPoseEstimator, parts: list[nn.Module]) -> torch.dtype:
    """Round the weights of an estimator, in place.

    In float32 stay the stem and the first unit of an :class:`RSN`, the sums of its units, and the
    convolution that makes the last heatmaps, with what follows it.

    Args:
        model: With our head; norms are folded.
        parts: What of it has weights.

    Returns:
        The type that its input is to have.
    """
    last = f'head.predictors.{model.head.num_stages - 1}.{model.head.num_units - 1}'
    names, levels = [f'{last}.heatmap', f'{last}.refine'], []
    if isinstance(model.backbone, RSN):
        names += ['backbone.stem', 'backbone.stages.0.encoder.levels.0.0']
        levels = [level for stage in model.backbone.stages for level in stage.encoder.levels]
    exact = {name: InFloat32(copy.deepcopy(model.get_submodule(name)).float()) for name in names}
    for part in parts:
        part.to(torch.bfloat16)
    for level in levels:
        for i, unit in enumerate(level):
            level[i] = SumInFloat32(unit)
    for name, module in exact.items():
        model.set_submodule(name, module)
    for level in levels:
        level[-1].out = torch.bfloat16  # to the decoder
    return torch.float32 if levels else torch.bfloat16
