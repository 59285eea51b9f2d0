"""Non-maximum suppression in plain torch, with the arguments of mmcv's compiled ops."""

import torch
from torch import Tensor

NAIVE, LINEAR, GAUSSIAN = 0, 1, 2  # the methods of soft NMS, numbered as mmcv.ops numbers them
BLOCK = 256  # boxes decided at a time: a block costs a few matrix operations, a box only one row


def nms(bboxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Keep boxes, best first, that overlap no better kept box by more than the threshold.

    Args:
        bboxes: ``(N, 4)``, xyxy.
        scores: ``(N,)``; of equal scores the earlier box counts as better.
        iou_threshold: A box is dropped when its IoU with a kept one is greater than this.
        offset: 0, or 1 where the last pixel belongs to the box: width is ``x2 - x1 + offset``.

    Returns:
        ``(M,)`` int64, indices of the kept boxes by descending score, on the device of the boxes.
    """
    # Each decision depends on those before: on the host, where a step costs no synchronization.
    boxes_xyxy = _on_host(bboxes)
    remaining = scores.detach().cpu().sort(descending=True, stable=True).indices
    kept = []
    while remaining.numel():
        block, remaining = remaining[:BLOCK], remaining[BLOCK:]
        block = block[_best_apart(boxes_xyxy[block], iou_threshold, offset)]
        overlaps = _iou(boxes_xyxy[block], boxes_xyxy[remaining], offset) > iou_threshold
        remaining = remaining[~overlaps.any(dim=0)]
        kept.append(block)
    return torch.cat(kept).to(bboxes.device) if kept else bboxes.new_zeros(0, dtype=torch.long)


def soft_nms(boxes: Tensor, scores: Tensor, dets: Tensor, iou_threshold: float, sigma: float,
             min_score: float, method: int, offset: int) -> Tensor:
    """Lower the score of a box by its overlap with each better one, instead of dropping it.

    Args:
        boxes: ``(N, 4)``, xyxy, on the CPU like the rest.
        scores: ``(N,)``.
        dets: ``(N, 5)``, receives boxes and lowered scores in its first M rows, best first.
        iou_threshold: From this IoU on, ``NAIVE`` drops a box and ``LINEAR`` lowers its score.
        sigma: Width of the decay of ``GAUSSIAN``, which lowers every overlapping box.
        min_score: Boxes whose score is lowered below this are dropped.
        method: ``NAIVE``, ``LINEAR`` or ``GAUSSIAN``.
        offset: As in :func:`nms`.

    Returns:
        ``(M,)`` int64, indices of the kept boxes by descending lowered score.
    """
    boxes_xyxy, lowered = _on_host(boxes), scores.detach().clone()
    remaining = torch.arange(len(boxes))
    kept = []
    while remaining.numel():
        position = lowered.argmax()
        best, others = remaining[position], torch.arange(len(remaining)) != position
        dets[len(kept), :4], dets[len(kept), 4] = boxes[best], lowered[position]
        kept.append(best)
        remaining, lowered = remaining[others], lowered[others]
        iou = _iou(boxes_xyxy[best][None], boxes_xyxy[remaining], offset)[0]
        lowered = lowered * _decay(iou, iou_threshold, sigma, method).to(lowered.dtype)
        alive = lowered >= min_score
        remaining, lowered = remaining[alive], lowered[alive]
    return torch.stack(kept) if kept else boxes.new_zeros(0, dtype=torch.long)


def _best_apart(boxes_xyxy: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Plain NMS of ``(N, 4)`` boxes, best first: ``(N,)`` bool, which are kept."""
    apart = ~(_iou(boxes_xyxy, boxes_xyxy, offset) > iou_threshold).numpy()
    kept = torch.ones(len(boxes_xyxy), dtype=torch.bool)
    view = kept.numpy()  # the same memory; a row at a time is quicker there
    for index in range(len(view)):
        if view[index]:
            view[index + 1:] &= apart[index, index + 1:]
    return kept


def _decay(iou: Tensor, iou_threshold: float, sigma: float, method: int) -> Tensor:
    if method == GAUSSIAN:
        return torch.exp(-iou.square() / sigma)
    lowered = torch.zeros_like(iou) if method == NAIVE else 1 - iou
    return torch.where(iou >= iou_threshold, lowered, torch.ones_like(iou))


def _iou(boxes_xyxy: Tensor, others_xyxy: Tensor, offset: int) -> Tensor:
    """IoU ``(N, M)`` of each box with each other one; nan where neither has an area."""
    area, others_area = (
        (xyxy[:, 2:] - xyxy[:, :2] + offset).prod(dim=1) for xyxy in (boxes_xyxy, others_xyxy)
    )
    top_left = torch.maximum(boxes_xyxy[:, None, :2], others_xyxy[:, :2])
    bottom_right = torch.minimum(boxes_xyxy[:, None, 2:], others_xyxy[:, 2:])
    overlap = (bottom_right - top_left + offset).clamp(min=0).prod(dim=2)
    return overlap / (area[:, None] + others_area - overlap)


def _on_host(boxes: Tensor) -> Tensor:
    boxes = boxes.detach().cpu()
    return boxes.float() if boxes.dtype in (torch.float16, torch.bfloat16) else boxes
