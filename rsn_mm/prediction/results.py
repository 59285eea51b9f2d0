"""What was predicted in a frame, as a record that files hold."""

from typing import Any

import numpy as np
from mmengine.structures import InstanceData

from rsn_mm.errors import DataError

from .frames import Frame

#: Decimals of coordinates in pixels and seconds, and of scores.
PIXEL_DECIMALS, SCORE_DECIMALS = 3, 5

#: A frame and its people, made of numbers and strings; see :func:`record_of`.
Record = dict[str, Any]


def record_of(frame: Frame, people: InstanceData) -> Record:
    """Put what was predicted in a frame into a record.

    Args:
        frame: The frame.
        people: As a predictor gives them; ``track_ids`` (N, ) may be there too.

    Returns:
        ``image``, the frame's name; for a video ``frame`` and ``seconds``; ``width`` and
        ``height``; and ``people``, a list with ``score``, ``box`` (x1, y1, x2, y2), for tracked
        people ``track``, and ``keypoints`` (x, y, score of each joint).

    Raises:
        DataError: If a number is NaN or infinite, which JSON does not have.

    Example:
        >>> frame = Frame(np.zeros((480, 640, 3), np.uint8), 'photo.jpg')
        >>> record_of(frame, InstanceData(
        ...     keypoints=np.ones((1, 1, 2)), keypoint_scores=np.ones((1, 1)),
        ...     bboxes_xyxy=np.array([[0., 0, 9, 9]]), scores=np.ones(1)))['people']
        [{'score': 1.0, 'box': [0.0, 0.0, 9.0, 9.0], 'keypoints': [[1.0, 1.0, 1.0]]}]
    """
    width, height = frame.size_wh
    record: Record = dict(image=frame.name)
    if frame.index is not None:
        record |= dict(frame=frame.index, seconds=_rounded(frame.seconds, PIXEL_DECIMALS))
    scores, boxes = people.scores, people.bboxes_xyxy
    if not all(np.isfinite(each).all() for each in (people.keypoints, people.keypoint_scores,
                                                    scores, boxes)):
        raise DataError(f'{frame.name}: the network predicts numbers that are NaN or infinite')
    tracks = people.get('track_ids')
    return {**record, 'width': width, 'height': height, 'people': [
        dict(score=_rounded(scores[n], SCORE_DECIMALS), box=_rounded(boxes[n], PIXEL_DECIMALS),
             **({} if tracks is None else dict(track=int(tracks[n]))),
             keypoints=[[*_rounded(point, PIXEL_DECIMALS), _rounded(score, SCORE_DECIMALS)]
                        for point, score in zip(people.keypoints[n], people.keypoint_scores[n])])
        for n in range(len(scores))]}


def failure_record(name: str, error: Exception) -> Record:
    """The record of an input that was skipped: ``image`` and ``error``."""
    return dict(image=name, error=str(error))


def _rounded(values: Any, decimals: int) -> Any:
    """Numbers as Python's, rounded in double precision, so that they print short."""
    return None if values is None else np.asarray(values, np.float64).round(decimals).tolist()
