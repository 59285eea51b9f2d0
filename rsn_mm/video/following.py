"""The loop over the frames of a video: detect now and then, carry boxes on in between."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from mmengine.structures import InstanceData

from rsn_mm.errors import OptionError
from rsn_mm.prediction.frames import Frame

from .carrying import BoxCarrier, box_scores
from .savitzky_golay import TrackedFrame
from .tracking import NO_TRACK, Tracker

#: From frames to the boxes (N, 5) of their people: x1, y1, x2, y2, score. ``None`` is the whole
#: image.
FindPeople = Callable[[Sequence[Frame]], Sequence[np.ndarray | None]]
#: From an image and the boxes of its people to a list with these people, as ``Predictor`` does.
Predict = Callable[[np.ndarray, np.ndarray | None], Sequence[InstanceData]]


def whole_image(frames: Sequence[Frame]) -> list[None]:
    """Take each frame for one person, where no detector is at hand."""
    return [None] * len(frames)


def follow(frames: Iterable[Frame], predict: Predict, find_people: FindPeople = whole_image,
           detect_every: int = 1, carrier: BoxCarrier | None = None,
           tracker: Tracker | None = None) -> Iterator[TrackedFrame]:
    """Find the people in each frame of a video.

    People are detected in the first frame and every ``detect_every`` frames after a detection. In
    between, their boxes are carried on from the keypoints of the frame before. When somebody is
    lost, people are detected in the next frame already.

    Args:
        frames: The frames in order.
        predict: Finds keypoints in boxes, such as a ``Predictor``.
        find_people: Finds boxes; by default the box is the whole image.
        detect_every: Number of frames from one detection to the next.
        carrier: Makes boxes of keypoints; by default ``BoxCarrier()``.
        tracker: Gives ids; without it all ``track_ids`` are -1.

    Yields:
        Each frame and its people: the fields of ``Predictor``'s result, and ``track_ids`` (N, ).

    Raises:
        OptionError: If ``detect_every`` is not positive.
    """
    if detect_every < 1:
        raise OptionError(f'follow: detect_every={detect_every}, expected a positive integer')
    return _follow(frames, predict, find_people, detect_every, carrier or BoxCarrier(), tracker)


def _follow(frames: Iterable[Frame], predict: Predict, find_people: FindPeople,
            detect_every: int, carrier: BoxCarrier,
            tracker: Tracker | None) -> Iterator[TrackedFrame]:
    boxes: np.ndarray | None = None
    until_detection = 0
    for frame in frames:
        if until_detection == 0:
            (boxes, ), until_detection = find_people([frame]), detect_every
        people, = predict(frame.image, boxes)
        people.track_ids = _tracks(tracker, people, frame.seconds)
        boxes, kept = carrier(people, frame.size_wh)
        until_detection = until_detection - 1 if len(kept) == len(people) else 0
        yield frame, people


def _tracks(tracker: Tracker | None, people: InstanceData, seconds: float | None) -> np.ndarray:
    if tracker is None:
        return np.full(len(people.scores), NO_TRACK)
    return tracker(people.bboxes_xyxy, box_scores(people), seconds)
