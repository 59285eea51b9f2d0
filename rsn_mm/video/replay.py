"""What a run has found in the frames of a video, stored so that it can be played again.

What is stored is exact. A run that goes on after an interruption plays the stored frames through
the same loop, without a detector or a network, and then is in the state of the unbroken run.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from mmengine.structures import InstanceData

from rsn_mm.prediction.frames import Frame
from rsn_mm.prediction.results import Record

from .following import FindPeople, Predict

#: The fields of people that are stored, with their shapes behind the number of people; -1 is the
#: number of joints.
FIELDS: dict[str, tuple[int, ...]] = dict(
    keypoints=(-1, 2), keypoint_scores=(-1, ), bboxes_xyxy=(4, ), scores=())


def stored(frame: Frame, people: InstanceData) -> Record:
    """A frame without its image, and its people, as JSON holds them."""
    return dict(frame=frame.index, seconds=frame.seconds, size_wh=list(frame.size_wh),
                joints=people.keypoints.shape[1],
                **{name: people[name].tolist() for name in FIELDS})


def restored(record: Record, name: str) -> tuple[Frame, InstanceData]:
    """The frame of a stored record, whose image takes no memory, and its people.

    Args:
        record: What :func:`stored` gave.
        name: Name of the video.
    """
    width, height = record['size_wh']
    image = np.broadcast_to(np.uint8(0), (height, width, 3))
    count, joints = len(record['scores']), record['joints']
    return Frame(image, name, record['frame'], record['seconds']), InstanceData(**{
        key: np.array(record[key], np.float32).reshape(
            count, *(joints if size < 0 else size for size in shape))
        for key, shape in FIELDS.items()})


class Replay:
    """Plays stored frames and then new ones, for :func:`~rsn_mm.video.follow`.

    Args:
        records: The stored frames.
        predict: Finds keypoints in new frames.
        find_people: Finds boxes in new frames.
    """

    def __init__(self, records: Iterable[Record], predict: Predict, find_people: FindPeople
                 ) -> None:
        self._records = records
        self._predict, self._find_people = predict, find_people
        self._current: InstanceData | None = None

    def frames(self, name: str, new: Iterable[Frame]) -> Iterator[Frame]:
        """The stored frames, which have no image, and the new ones.

        Args:
            name: Name of the video.
            new: The frames behind the stored ones.
        """
        for record in self._records:
            frame, self._current = restored(record, name)
            yield frame
        self._current = None
        yield from new

    def find_people(self, frames: Sequence[Frame]) -> Sequence[np.ndarray | None]:
        """Boxes of the current frame."""
        return [None] if self._current is not None else self._find_people(frames)

    def predict(self, image: np.ndarray, boxes: np.ndarray | None) -> Sequence[InstanceData]:
        """People of the current frame."""
        return [self._current] if self._current is not None else self._predict(image, boxes)
