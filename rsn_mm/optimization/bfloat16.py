"""An estimator in bfloat16, but for what keypoints are most sensitive to.

Rounding moves a keypoint where it changes which neighbor of a peak is the second highest cell. It
does so most in the image and in what the first layer makes of it, in biases, in sums that run
through many units, and in the heatmaps themselves, whose steps are 1 near their peak.
"""

import copy

import torch
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import Tensor, nn

from rsn_mm.models import RSN
from rsn_mm.models.units import ResidualUnit

from .packed_conv import PackedConv


class InFloat32(nn.Module):
    """A module that computes in float32 on features of any type.

    Args:
        module: In float32.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x.float())


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
        unit, rounded = self.unit, x.to(torch.bfloat16)
        is_identity = isinstance(unit.shortcut, nn.Identity)
        shortcut = x if is_identity else unit.shortcut(rounded)
        return unit.fuse(unit.features(rounded), shortcut.float()).to(self.out)


def to_bfloat16(model: TopdownPoseEstimator, parts: list[nn.Module]) -> torch.dtype:
    """Round the weights of an estimator, in place.

    In float32 stay the stem of an :class:`RSN`, the sums of its units, the biases of packed
    convolutions, and the convolution that makes the last heatmaps, with what follows it.

    Args:
        model: With our head; norms are folded.
        parts: What of it has weights.

    Returns:
        The type that its input is to have.
    """
    last = f'head.predictors.{model.head.num_stages - 1}.{model.head.num_units - 1}'
    names, levels = [f'{last}.heatmap', f'{last}.refine'], []
    if isinstance(model.backbone, RSN):
        names.append('backbone.stem')
        levels = [level for stage in model.backbone.stages for level in stage.encoder.levels]
    exact = {name: InFloat32(copy.deepcopy(model.get_submodule(name)).float()) for name in names}
    biases = [(conv.conv, conv.conv.bias.data) for part in parts for conv in part.modules()
              if isinstance(conv, PackedConv) and conv.conv.bias is not None]
    for part in parts:
        part.to(torch.bfloat16)
    for conv, bias in biases:
        conv.bias.data = bias
    for level in levels:
        for i, unit in enumerate(level):
            level[i] = SumInFloat32(unit)
    for name, module in exact.items():
        model.set_submodule(name, module)
    for level in levels:
        level[-1].out = torch.bfloat16  # to the decoder
    return torch.float32 if levels else torch.bfloat16
