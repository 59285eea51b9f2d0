"""Accuracy of a training batch, without leaving the device."""

import torch
from torch import Tensor


def _peaks(heatmaps: Tensor) -> Tensor:
    """x, y of the highest cell, (B, K, 2); -1, -1 where nothing is above zero."""
    value, index = heatmaps.flatten(2).max(-1)
    width = heatmaps.shape[-1]
    xy = torch.stack((index % width, index // width), dim=-1).float()
    return torch.where(value[..., None] > 0, xy, -1.0)


def pck_accuracy(output: Tensor, target: Tensor, mask: Tensor, thr: float = 0.05) -> Tensor:
    """Share of joints whose highest cell is near the target's; the number MMPose logs.

    Mean over joints of the share among the samples that have the joint. As in MMPose's
    ``pose_pck_accuracy`` the distance in x is divided by the map's height, that in y by its width.

    Args:
        output: (B, K, H, W).
        target: (B, K, H, W).
        mask: (B, K), whether a joint counts.
        thr: Largest distance of a joint that is right.

    Returns:
        A scalar in 0..1 on the device of the output; 0 where no joint counts.
    """
    distance = _peaks(output) - _peaks(target)
    near = (distance / distance.new_tensor(output.shape[-2:])).norm(dim=-1) < thr
    counts = mask.sum(0)
    shares = (near & mask).sum(0) / counts.clamp_min(1)
    return shares.sum() / (counts > 0).sum().clamp_min(1)
