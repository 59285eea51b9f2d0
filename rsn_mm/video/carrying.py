"""Carries the boxes of people on from the keypoints of the frame before."""

from dataclasses import dataclass

import numpy as np
from mmengine.structures import InstanceData

from rsn_mm.errors import OptionError


def box_scores(people: InstanceData) -> np.ndarray:
    """The scores (N, ) of the boxes alone; a person's score is that times the mean joint score."""
    return people.scores / np.maximum(people.keypoint_scores.mean(1), np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class BoxCarrier:
    """Makes the boxes for the next frame from the keypoints of this one.

    The box of a person is that of the joints with high scores, enlarged about its center, and keeps
    the score that the detector gave. A person is lost whose mean score falls too low, who has too
    few joints with high scores, or whose box leaves the image. Of two boxes that have come to cover
    the same person, the one with the higher mean joint score stays.

    Example:
        >>> from mmengine.structures import InstanceData
        >>> from rsn_mm.video import BoxCarrier
        >>> people = InstanceData(
        ...     keypoints=np.array([[[10., 20], [30, 20], [20, 60]]]),
        ...     keypoint_scores=np.full((1, 3), .9), scores=np.array([.72]),
        ...     bboxes_xyxy=np.array([[5., 10, 35, 70]]))
        >>> carried, rows = BoxCarrier()(people, (640, 480))
        >>> carried.round(3)[0, :4].tolist(), rows.tolist()  # x1, y1, x2, y2
        ([7.0, 14.0, 33.0, 66.0], [0])

    Args:
        enlarge: Width and height of the new box, divided by those of the joints.
        lost_score: A person with a smaller mean joint score is lost. The scale is that of the
            network's joint scores; those of this package begin at 0.5 for an empty heatmap.
        joint_score: Joints with a smaller score do not count for the box.
        min_joints: A person with fewer joints that count is lost.
        same_person: Intersection over union from which on two boxes cover the same person.
    """

    enlarge: float = 1.3
    lost_score: float = .6
    joint_score: float = .6
    min_joints: int = 3
    same_person: float = .9

    def __post_init__(self) -> None:
        if not self.enlarge >= 1:
            raise OptionError(f'BoxCarrier: enlarge={self.enlarge}, expected 1 or more')

    def __call__(self, people: InstanceData,
                 size_wh: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the boxes for the next frame.

        Args:
            people: N people with ``keypoints`` (N, K, 2), ``keypoint_scores`` (N, K) and
                ``scores`` (N, ), the score of the box times the mean joint score.
            size_wh: Width and height of the image.

        Returns:
            The boxes (M, 5) of those who are not lost, x1, y1, x2, y2, score, in their order, and
            the rows (M, ) of these people among all N.
        """
        boxes, rows = [], []
        means, given = people.keypoint_scores.mean(1), box_scores(people)
        for n, (points, scores) in enumerate(zip(people.keypoints, people.keypoint_scores)):
            counted = points[scores >= self.joint_score]
            if means[n] < self.lost_score or len(counted) < self.min_joints:
                continue
            box = self._box(counted, size_wh)
            if (box[2:] > box[:2]).all():
                boxes.append([*box, given[n]])
                rows.append(n)
        carried, kept = np.array(boxes, np.float32).reshape(-1, 5), np.array(rows, int)
        distinct = self._distinct(carried, means[kept])
        return carried[distinct], kept[distinct]

    def _box(self, points: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
        """The box (4, ) around points (n, 2), enlarged, inside the image."""
        low, high = points.min(0), points.max(0)
        center, half = (low + high) / 2, (high - low) / 2 * self.enlarge
        limit = np.array(size_wh)
        return np.concatenate([np.clip(center - half, 0, limit), np.clip(center + half, 0, limit)])

    def _distinct(self, boxes: np.ndarray, means: np.ndarray) -> np.ndarray:
        """The rows of the boxes that stay where several cover the same person."""
        staying: list[int] = []
        for n in np.argsort(-means, kind='stable').tolist():
            if all(_overlap(boxes[n], boxes[other]) < self.same_person for other in staying):
                staying.append(n)
        return np.array(sorted(staying), int)


def _overlap(box: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes with x1, y1, x2, y2 as their first numbers."""
    sides = np.minimum(box[2:4], other[2:4]) - np.maximum(box[:2], other[:2])
    common = sides.clip(0).prod()
    return common / ((box[2:4] - box[:2]).prod() + (other[2:4] - other[:2]).prod() - common)
