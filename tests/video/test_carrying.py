"""Boxes for the next frame, derived by hand from keypoints and scores."""

import numpy as np
import pytest
from mmengine.structures import InstanceData

from rsn_mm.errors import OptionError
from rsn_mm.video import BoxCarrier

SIZE_WH = (200, 100)
#: Four joints that span the box 20, 10, 60, 90.
JOINTS = np.array([[20, 50], [60, 40], [40, 10], [30, 90]], np.float32)


def people_with(keypoints, joint_scores, box_scores):
    joint_scores = np.asarray(joint_scores, np.float32)
    return InstanceData(
        keypoints=np.asarray(keypoints, np.float32), keypoint_scores=joint_scores,
        scores=np.asarray(box_scores, np.float32) * joint_scores.mean(1))


@pytest.mark.parametrize('keypoints, scores, expected', [
    (JOINTS, [1, 1, 1, 1], [16, 2, 64, 98]),  # 40 x 80 times 1.2 around (40, 50)
    (JOINTS, [1, 1, 1, .5], [16, 6, 64, 54]),  # the joint below counts no more, nor its extent
    (JOINTS + [0, 30], [1, 1, 1, 1], [16, 32, 64, 100]),  # cut off at the border of the image
    (JOINTS - [50, 0], [1, 1, 1, 1], [0, 2, 14, 98]),
    (JOINTS + [190, 0], [1, 1, 1, 1], None),  # beside the image
    (JOINTS, [.5, .5, .9, .4], None),  # a mean of 0.575
    (JOINTS, [1.2, 1.2, .5, .5], None),  # two joints that count
    (JOINTS * [0, 1] + [40, 0], [1, 1, 1, 1], None),  # a line
])
def test_box_of_one_person(keypoints, scores, expected):
    boxes, kept = BoxCarrier(enlarge=1.2)(people_with([keypoints], [scores], [.7]), SIZE_WH)
    if expected is None:
        assert boxes.shape == (0, 5) and kept.shape == (0, )
    else:
        np.testing.assert_allclose(boxes, [[*expected, .7]], rtol=1e-5)
        assert boxes.dtype == np.float32 and kept.tolist() == [0]


def test_rows_of_those_who_are_carried_on():
    keypoints = np.stack([JOINTS, JOINTS + [60, 0], JOINTS + [120, 0]])
    scores = np.array([[.9] * 4, [.3] * 4, [.8] * 4])
    boxes, kept = BoxCarrier(enlarge=1)(people_with(keypoints, scores, [.5, .6, .7]), SIZE_WH)
    assert kept.tolist() == [0, 2]
    np.testing.assert_allclose(boxes, [[20, 10, 60, 90, .5], [140, 10, 180, 90, .7]], rtol=1e-5)


def test_of_two_boxes_on_one_person_that_with_surer_joints_stays():
    keypoints = np.stack([JOINTS, JOINTS + 1, JOINTS + [20, 0]])  # overlaps of about 0.95 and 0.4
    scores = np.array([[.8] * 4, [.9] * 4, [.7] * 4])
    _, kept = BoxCarrier()(people_with(keypoints, scores, [1, .5, 1]), SIZE_WH)
    assert kept.tolist() == [1, 2]
    _, kept = BoxCarrier(same_person=.97)(people_with(keypoints, scores, [1, .5, 1]), SIZE_WH)
    assert kept.tolist() == [0, 1, 2]


def test_nobody():
    boxes, kept = BoxCarrier()(
        people_with(np.zeros((0, 4, 2)), np.zeros((0, 4)), np.zeros(0)), SIZE_WH)
    assert boxes.shape == (0, 5) and kept.shape == (0, )


def test_a_box_that_does_not_grow_is_refused():
    with pytest.raises(OptionError, match=r'enlarge=0\.9'):
        BoxCarrier(enlarge=.9)
