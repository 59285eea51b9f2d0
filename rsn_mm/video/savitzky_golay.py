"""Smooths the movement of keypoints with the help of later frames."""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from mmengine.structures import InstanceData

from rsn_mm.errors import OptionError
from rsn_mm.prediction.frames import Frame

from .tracking import NO_TRACK

#: A frame and its people, with ``track_ids`` (N, ) beside the fields that ``Predictor`` returns.
TrackedFrame = tuple[Frame, InstanceData]
#: Keypoints (K, 2) by track, and the time stamp of their frame.
Poses = tuple[float, dict[int, np.ndarray]]


def savitzky_golay(frames: Iterable[TrackedFrame], window: int = 7,
                   degree: int = 2) -> Iterator[TrackedFrame]:
    """Smooth the keypoints of each track by a polynomial in time over the frames around.

    Where frames are evenly spaced, the result is that of ``scipy.signal.savgol_filter`` with
    ``mode='interp'`` on each unbroken run of a track. Time stamps that are not evenly spaced are
    taken as they are. A frame leaves ``window - 1`` frames after it came, and no more frames than
    these are held.

    Args:
        frames: Frames in order with their people, whose ``keypoints`` are (N, K, 2). Those without
            a track (-1) are left as they are.
        window: Number of frames that a polynomial is fitted to, odd. Runs that are shorter are
            fitted as a whole.
        degree: Degree of the polynomial.

    Yields:
        The frames in the same order, with copies of their people.

    Raises:
        OptionError: If the window is not odd or not larger than the degree.
    """
    if window % 2 == 0 or not 0 <= degree < window:
        raise OptionError(f'savitzky_golay: window={window}, degree={degree}, expected an odd '
                          'window larger than the degree')
    return _delayed(frames, window, degree)


def _delayed(frames: Iterable[TrackedFrame], window: int, degree: int) -> Iterator[TrackedFrame]:
    waiting: deque[TrackedFrame] = deque()
    # The poses of the waiting frames, and of as many before them.
    poses: deque[Poses] = deque(maxlen=2 * window - 1)
    for frame, people in frames:
        waiting.append((frame, people))
        poses.append((frame.seconds or 0., dict(zip(people.track_ids.tolist(), people.keypoints))))
        if len(waiting) == window:
            yield _smoothed(*waiting.popleft(), list(poses), len(poses) - window, window, degree)
    while waiting:
        at = len(poses) - len(waiting)
        yield _smoothed(*waiting.popleft(), list(poses), at, window, degree)


def _smoothed(frame: Frame, people: InstanceData, poses: list[Poses], at: int, window: int,
              degree: int) -> TrackedFrame:
    """The people of the frame at index ``at`` of the poses."""
    keypoints = people.keypoints.copy()
    for n, track in enumerate(people.track_ids.tolist()):
        if track == NO_TRACK:
            continue
        first = last = at  # the unbroken run of this track
        while first > 0 and track in poses[first - 1][1]:
            first -= 1
        while last < len(poses) - 1 and track in poses[last + 1][1]:
            last += 1
        count = min(window, last - first + 1)
        count -= count % 2 == 0
        start = min(max(at - count // 2, first), last + 1 - count)
        if count > degree:
            seconds, chosen = zip(*poses[start:start + count])
            times = np.array(seconds) - poses[at][0]
            keypoints[n] = _value_of_fit(
                times, np.stack([pose[track] for pose in chosen]), degree)
    smoothed = people.clone()
    smoothed.keypoints = keypoints
    return frame, smoothed


def _value_of_fit(times: np.ndarray, values: np.ndarray, degree: int) -> np.ndarray:
    """The value at time 0 of the polynomial that fits values (T, ...) at times (T, ) best."""
    scaled = times / (np.abs(times).max() or 1)
    weights = np.linalg.pinv(np.vander(scaled, degree + 1, increasing=True))[0]
    return np.tensordot(weights, values.astype(np.float64), 1)
