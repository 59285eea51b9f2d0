"""Non-maximum suppression in plain torch, with the arguments of mmcv's compiled ops."""

import torch
from torch import Tensor

#: Boxes that are decided on together: a block costs a few matrix operations.
BLOCK = 256


def nms(bboxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Drop every box that overlaps a better box that was kept by more than the threshold.

    Args:
        bboxes: ``(N, 4)``, xyxy.
        scores: ``(N,)``; of equal scores the earlier box counts as better.
        iou_threshold: A box is dropped when its IoU with a kept one is greater than this.
        offset: 0, or 1 where the last pixel belongs to the box: width is ``x2 - x1 + offset``.

    Returns:
        ``(M,)`` int64, indices of the kept boxes by descending score, on the device of the boxes.
    """
    # Each decision depends on the ones before it, and on the CPU a step needs no synchronization.
    boxes_xyxy = _on_cpu(bboxes)
    remaining = scores.detach().cpu().sort(descending=True, stable=True).indices
    kept = []
    while remaining.numel():
        block, remaining = remaining[:BLOCK], remaining[BLOCK:]
        block = block[_best_apart(boxes_xyxy[block], iou_threshold, offset)]
        overlaps = _iou(boxes_xyxy[block], boxes_xyxy[remaining], offset) > iou_threshold
        remaining = remaining[~overlaps.any(dim=0)]
        kept.append(block)
    return torch.cat(kept).to(bboxes.device) if kept else bboxes.new_zeros(0, dtype=torch.long)


def _best_apart(boxes_xyxy: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Which of the boxes ``(N, 4)``, best first, are kept: ``(N,)`` bool."""
    apart = ~(_iou(boxes_xyxy, boxes_xyxy, offset) > iou_threshold).numpy()
    kept = torch.ones(len(boxes_xyxy), dtype=torch.bool)
    view = kept.numpy()  # shares the memory; NumPy is faster row by row
    for index in range(len(view)):
        if view[index]:
            view[index + 1:] &= apart[index, index + 1:]
    return kept


def _iou(boxes_xyxy: Tensor, others_xyxy: Tensor, offset: int) -> Tensor:
    """IoU ``(N, M)`` of each box with each of the others; NaN if neither has an area."""
    area, others_area = (
        (xyxy[:, 2:] - xyxy[:, :2] + offset).prod(dim=1) for xyxy in (boxes_xyxy, others_xyxy)
    )
    top_left = torch.maximum(boxes_xyxy[:, None, :2], others_xyxy[:, :2])
    bottom_right = torch.minimum(boxes_xyxy[:, None, 2:], others_xyxy[:, 2:])
    overlap = (bottom_right - top_left + offset).clamp(min=0).prod(dim=2)
    return overlap / (area[:, None] + others_area - overlap)


def _on_cpu(boxes: Tensor) -> Tensor:
    boxes = boxes.detach().cpu()
    return boxes.float() if boxes.dtype in (torch.float16, torch.bfloat16) else boxes
