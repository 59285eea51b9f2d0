"""Follows people from frame to frame."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from rsn_mm.errors import OptionError
from rsn_mm.packages import needed

#: The unit in which the package `trackers` counts how long a track may be lost.
FRAMES_PER_LOST_SECOND = 30
#: Seconds by which time advances at least from one frame to the next.
SMALLEST_STEP = 1e-3


def _byte_track(trackers: Any, start_score: float, match_score: float, **common: Any) -> Any:
    return trackers.ByteTrackTracker(
        track_activation_threshold=start_score, high_conf_det_threshold=match_score, **common)


def _oc_sort(trackers: Any, start_score: float, match_score: float, **common: Any) -> Any:
    del match_score  # boxes below the one threshold neither start nor continue a track
    return trackers.OCSORTTracker(high_conf_det_threshold=start_score, **common)


#: The trackers by name.
METHODS: dict[str, Callable[..., Any]] = dict(bytetrack=_byte_track, ocsort=_oc_sort)
#: The id of a person without a track.
NO_TRACK = -1


class Tracker:
    """Gives each person an id that stays the same from frame to frame.

    The methods are those of the package ``trackers``: ``bytetrack``, which first matches the boxes
    with high scores and then the others, and ``ocsort``, which copes better with people who change
    their direction, and leaves boxes with low scores without a track.

    A track has its id from its first frame on. Boxes with low scores start no track.

    Example:
        >>> from rsn_mm.video import Tracker
        >>> tracker = Tracker('bytetrack', frames_per_second=25)  # doctest: +SKIP
        >>> tracker(np.array([[10, 10, 50, 90.]]), np.array([.9]), seconds=0)  # doctest: +SKIP
        array([0])

    Args:
        method: ``'bytetrack'`` or ``'ocsort'``.
        frames_per_second: The usual rate of the video.
        start_score: Lowest score of a box that starts a track.
        match_score: ``bytetrack``: lowest score of a box that is matched in the first round.
        lost_seconds: How long a track goes on without a box before it ends.

    Raises:
        OptionError: If there is no such method, or an option has an impossible value.
        MissingPackageError: If the package is not installed.
    """

    def __init__(self, method: str = 'bytetrack', frames_per_second: float = 25.,
                 start_score: float = .5, match_score: float = .5,
                 lost_seconds: float = 1.) -> None:
        if method not in METHODS:
            raise OptionError(f'Tracker: method={method!r}, expected {" or ".join(METHODS)}')
        if not frames_per_second > 0 or not lost_seconds >= 0:
            raise OptionError(f'Tracker: frames_per_second={frames_per_second}, lost_seconds='
                              f'{lost_seconds}, expected a rate above 0 and a time from 0 on')
        trackers = needed('trackers', 'tracking people', 'video')
        self._detections = needed('supervision', 'tracking people', 'video').Detections
        self._start_score = start_score
        # After one match a track has its id, and the start of a track is matched below.
        self._tracker = METHODS[method](
            trackers, start_score, match_score, minimum_consecutive_frames=1,
            frame_rate=frames_per_second,
            lost_track_buffer=round(lost_seconds * FRAMES_PER_LOST_SECOND))
        self._interval = 1 / frames_per_second
        self._seconds = -np.inf

    def __call__(self, boxes_xyxy: np.ndarray, scores: np.ndarray,
                 seconds: float | None = None) -> np.ndarray:
        """Return the track of each box of the next frame.

        Args:
            boxes_xyxy: (N, 4) x1, y1, x2, y2. N may be 0.
            scores: (N, ), those of the detector, from 0 to 1.
            seconds: Time stamp of the frame; ``None`` is one frame after the previous one.

        Returns:
            (N, ) int64 in the order of the boxes; -1 for a box without a track.
        """
        self._advance(seconds)
        ids = np.full(len(boxes_xyxy), NO_TRACK)
        self._update(ids, boxes_xyxy, scores, np.arange(len(ids)))
        # The package gives a track its id when it is matched, so not in its first frame. The boxes
        # that just started one are given again at the same time, and match their own tracks.
        started = np.flatnonzero((ids == NO_TRACK) & (scores >= self._start_score))
        if len(started):
            self._update(ids, boxes_xyxy, scores, started)
        return ids

    def _advance(self, seconds: float | None) -> None:
        first = self._seconds == -np.inf
        following = 0. if first else self._seconds + self._interval
        earliest = -np.inf if first else self._seconds + SMALLEST_STEP
        self._seconds = max(following if seconds is None else seconds, earliest)

    def _update(self, ids: np.ndarray, boxes_xyxy: np.ndarray, scores: np.ndarray,
                rows: np.ndarray) -> None:
        """Give these rows to the tracker and enter the ids of those that have a track."""
        # The tracker returns its detections in another order, with the number of the row.
        detections = self._detections(
            xyxy=np.asarray(boxes_xyxy, np.float32).reshape(-1, 4)[rows],
            confidence=np.asarray(scores, np.float32)[rows], data=dict(row=rows))
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', '.*duplicate timestamp')
            tracked = self._tracker.update(detections, timestamp=self._seconds)
        if len(tracked):
            ids[tracked.data['row']] = tracked.tracker_id
