"""Accuracy of a training batch, computed on its device."""

import torch
from torch import Tensor


def _peaks(heatmaps: Tensor) -> Tensor:
    """x, y of the highest cell of each map, (B, K, 2); -1, -1 where no cell is above 0."""
    value, index = heatmaps.flatten(2).max(-1)
    width = heatmaps.shape[-1]
    xy = torch.stack((index % width, index // width), dim=-1).float()
    return torch.where(value[..., None] > 0, xy, -1.0)


def pck_accuracy(output: Tensor, target: Tensor, mask: Tensor, thr: float = 0.05) -> Tensor:
    """Share of the joints whose highest cell is near that of the target, as MMPose logs it.

    For each joint the share is taken over the samples that have the joint; the result is the mean
    over joints. As in MMPose's ``pose_pck_accuracy`` the distance in x is divided by the height of
    the map, and the distance in y by its width.

    Args:
        output: (B, K, H, W).
        target: (B, K, H, W).
        mask: (B, K), whether a joint counts.
        thr: Distance, in parts of the map's size, below which a joint is right.

    Returns:
        A scalar in 0..1 on the device of the output; 0 if no joint counts.
    """
    distance = _peaks(output) - _peaks(target)
    near = (distance / distance.new_tensor(output.shape[-2:])).norm(dim=-1) < thr
    counts = mask.sum(0)
    shares = (near & mask).sum(0) / counts.clamp_min(1)
    return shares.sum() / (counts > 0).sum().clamp_min(1)
