"""The plain forms of mmcv's ops against slow references, and through mmcv's own callers."""

import numpy as np
import pytest
import torch

import rsn_mm  # noqa: F401  (mends mmcv before its ops are imported)
from rsn_mm.compat import plain_ops

IOU_THRESHOLD = 0.4


def iou(a, b, offset):
    width = min(a[2], b[2]) - max(a[0], b[0]) + offset
    height = min(a[3], b[3]) - max(a[1], b[1]) + offset
    overlap = max(width, 0) * max(height, 0)
    area = [(box[2] - box[0] + offset) * (box[3] - box[1] + offset) for box in (a, b)]
    union = area[0] + area[1] - overlap
    return overlap / union if union else 0.


def reference_nms(boxes_xyxy, scores, threshold, offset):
    kept = []
    for index in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        if all(iou(boxes_xyxy[index], boxes_xyxy[k], offset) <= threshold for k in kept):
            kept.append(index)
    return kept


def crowd(number, seed, spread=100):
    """Whole-pixel boxes in a small place, so that many overlap and IoUs are exact fractions."""
    random = np.random.RandomState(seed)
    top_left = random.randint(0, spread, (number, 2))
    boxes_xyxy = np.concatenate([top_left, top_left + random.randint(5, 40, (number, 2))], axis=1)
    return boxes_xyxy.astype(np.float32), random.rand(number).astype(np.float32)


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('number', [1, 40, plain_ops.BLOCK, plain_ops.BLOCK + 1, 700])
def test_nms_keeps_what_the_reference_keeps(number, offset):
    # spread with the number, so that later blocks are not empty
    boxes_xyxy, scores = crowd(number, seed=number, spread=100 + 2 * number)
    kept = plain_ops.nms(torch.tensor(boxes_xyxy), torch.tensor(scores), IOU_THRESHOLD, offset)
    expected = reference_nms(boxes_xyxy.tolist(), scores.tolist(), IOU_THRESHOLD, offset)
    assert kept.dtype == torch.long
    assert kept.tolist() == expected
    if number == 700:
        assert plain_ops.BLOCK < len(expected) < number


# Two 10 x 10 boxes shifted by 5 pixels: IoU 50 / 150. With offset 1 they are 11 x 11 and overlap
# by 6 x 11: IoU 66 / 176 = 0.375.
@pytest.mark.parametrize('offset, threshold, kept', [
    (0, 0.34, [0, 1]),
    (0, 0.33, [0]),
    (1, 0.375, [0, 1]),  # equal is not greater
    (1, 0.37, [0]),
])
def test_nms_threshold_and_offset(offset, threshold, kept):
    boxes_xyxy = torch.tensor([[0., 0, 10, 10], [5, 0, 15, 10]])
    assert plain_ops.nms(boxes_xyxy, torch.tensor([.9, .8]), threshold, offset).tolist() == kept


def test_nms_of_equal_scores_keeps_the_earlier():
    boxes_xyxy = torch.tensor([[50., 50, 60, 60], [0, 0, 10, 10], [0, 0, 10, 11]]).repeat(100, 1)
    assert plain_ops.nms(boxes_xyxy, torch.full((300,), .5), .5).tolist() == [0, 1]


def test_nms_of_boxes_without_area_and_of_half_precision():
    point = torch.tensor([[3., 3, 3, 3], [3, 3, 3, 3]])
    assert plain_ops.nms(point, torch.tensor([.1, .2]), .5).tolist() == [1, 0]
    boxes_xyxy = torch.tensor([[0., 0, 10, 10], [0, 0, 10, 11]]).half()
    assert plain_ops.nms(boxes_xyxy, torch.tensor([.1, .2]).half(), .5).tolist() == [1]


def test_nms_of_nothing():
    kept = plain_ops.nms(torch.zeros(0, 4), torch.zeros(0), .5, 0)
    assert kept.shape == (0,) and kept.dtype == torch.long


def test_mmcv_nms():
    from mmcv.ops import nms
    boxes_xyxy, scores = crowd(80, seed=1)
    expected = reference_nms(boxes_xyxy.tolist(), scores.tolist(), IOU_THRESHOLD, 0)
    dets, kept = nms(boxes_xyxy, scores, IOU_THRESHOLD)
    assert kept.tolist() == expected
    np.testing.assert_array_equal(dets, np.c_[boxes_xyxy, scores][expected])
    above = [index for index in expected if scores[index] > .3][:5]
    _, kept = nms(boxes_xyxy, scores, IOU_THRESHOLD, score_threshold=.3, max_num=5)
    assert kept.tolist() == above


@pytest.mark.parametrize('class_agnostic, split_thr', [
    (False, 10_000),
    (False, 10),  # more boxes than that are treated class by class
    (True, 10_000),
])
def test_mmcv_batched_nms(class_agnostic, split_thr):
    from mmcv.ops import batched_nms
    boxes_xyxy, scores = crowd(90, seed=2)
    classes = np.random.RandomState(2).randint(0, 3, 90)
    groups = [range(90)] if class_agnostic else [np.flatnonzero(classes == c) for c in range(3)]
    expected = []
    for group in groups:
        kept = reference_nms(boxes_xyxy[group].tolist(), scores[group].tolist(), IOU_THRESHOLD, 0)
        expected += [group[index] for index in kept]
    expected.sort(key=lambda index: -scores[index])
    dets, kept = batched_nms(
        torch.tensor(boxes_xyxy), torch.tensor(scores), torch.tensor(classes),
        dict(type='nms', iou_threshold=IOU_THRESHOLD, split_thr=split_thr), class_agnostic)
    assert kept.tolist() == expected
    np.testing.assert_array_equal(dets.numpy(), np.c_[boxes_xyxy, scores][expected])
