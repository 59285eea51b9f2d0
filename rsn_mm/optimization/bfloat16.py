"""Casts an estimator to bfloat16, except for the parts that keypoints are most sensitive to.

Rounding moves a keypoint if it changes which neighbor of a peak is the second highest cell. The
keypoints are most sensitive to rounding in the image and the first layer, in biases, in sums that
run through many units, and in the heatmaps themselves, where a step of bfloat16 is 1 near the peak.
"""

import copy
from typing import Any

import torch
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import Tensor, nn

from rsn_mm.models import RSN
from rsn_mm.models.encoder import Encoder

from .packed_conv import PackedConv


class InFloat32(nn.Module):
    """Runs a float32 module on features of any type.

    Args:
        module: The module, in float32.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x.float())


class SumInFloat32(nn.Module):
    """A residual unit in bfloat16 whose sum with the shortcut is in float32.

    Args:
        unit: A residual unit, in bfloat16.
        out: Type of the output.
    """

    def __init__(self, unit: nn.Module, out: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.unit = unit
        self.out = out

    def forward(self, x: Tensor) -> Tensor:
        unit: Any = self.unit
        rounded = x.to(torch.bfloat16)
        is_identity = isinstance(unit.shortcut, nn.Identity)
        shortcut = x if is_identity else unit.shortcut(rounded)
        return unit.fuse(unit.features(rounded), shortcut.float()).to(self.out)


def to_bfloat16(model: TopdownPoseEstimator, parts: list[nn.Module]) -> torch.dtype:
    """Cast the weights of an estimator to bfloat16, in place.

    These stay in float32: the stem of an :class:`RSN`, the sums of its units, the biases of packed
    convolutions, and the convolution that makes the last heatmaps with everything after it.

    Args:
        model: An estimator with our head, whose norms are folded into convolutions.
        parts: The parts of the model that have weights.

    Returns:
        The type that the input must have.
    """
    last = f'head.predictors.{model.head.num_stages - 1}.{model.head.num_units - 1}'
    names = [f'{last}.heatmap', f'{last}.refine']
    levels: list[nn.Sequential] = []
    if isinstance(model.backbone, RSN):
        names.append('backbone.stem')
        levels = [level for part in model.backbone.modules() if isinstance(part, Encoder)
                  for level in part.levels if isinstance(level, nn.Sequential)]
    exact = {name: InFloat32(copy.deepcopy(model.get_submodule(name)).float()) for name in names}
    biases = [(conv.conv.bias, conv.conv.bias.data) for part in parts for conv in part.modules()
              if isinstance(conv, PackedConv) and conv.conv.bias is not None]
    for part in parts:
        part.to(torch.bfloat16)
    for parameter, bias in biases:
        parameter.data = bias
    for level in levels:
        last_index = len(level) - 1
        for i, unit in enumerate(level):
            # The last unit of a level hands its output to the decoder.
            level[i] = SumInFloat32(unit, torch.bfloat16 if i == last_index else torch.float32)
    for name, module in exact.items():
        parent, _, child = name.rpartition('.')
        setattr(model.get_submodule(parent), child, module)
    return torch.float32 if levels else torch.bfloat16
