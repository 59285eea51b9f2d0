"""Smooths the movement of keypoints without waiting for later frames."""

from dataclasses import dataclass, field

import numpy as np

from rsn_mm.errors import OptionError

from .tracking import NO_TRACK


@dataclass
class OneEuro:
    """The 1-euro filter: a low-pass whose cutoff frequency rises with the speed of the joint.

    Slow movement is smoothed much, fast movement is followed with little delay. It needs no later
    frames. Speeds are measured in person sizes, the square root of the area of the person's box, so
    that large and small people are treated alike. From Casiez, Roussel and Vogel, "1 € Filter",
    CHI 2012.

    Example:
        >>> from rsn_mm.video import OneEuro
        >>> smooth = OneEuro()
        >>> at_rest = np.array([[[10., 20]]])
        >>> for i in range(50):
        ...     smoothed = smooth(np.array([3]), at_rest + i % 2, np.array([100.]), i / 25)
        >>> bool(abs(smoothed - at_rest - .5).max() < .2)
        True

    Args:
        min_cutoff: Cutoff frequency of a joint at rest, in Hz.
        speed_gain: Hz by which the cutoff rises per person size that a joint moves in a second.
        speed_cutoff: Cutoff frequency of the speed itself, in Hz.
        forget_seconds: A track without a frame for so long starts anew.
    """

    min_cutoff: float = 1.
    speed_gain: float = 10.
    speed_cutoff: float = 1.
    forget_seconds: float = 1.
    _tracks: dict[int, tuple[float, np.ndarray, np.ndarray]] = field(
        default_factory=dict, init=False, repr=False)  # time stamp, position, speed

    def __post_init__(self) -> None:
        if not (self.min_cutoff > 0 and self.speed_cutoff > 0 and self.speed_gain >= 0):
            raise OptionError(f'{self}: expected cutoff frequencies above 0, and a gain from 0 on')

    def __call__(self, track_ids: np.ndarray, keypoints: np.ndarray, sizes: np.ndarray,
                 seconds: float) -> np.ndarray:
        """Smooth the keypoints of the next frame.

        Args:
            track_ids: (N, ); people without a track (-1) are left as they are.
            keypoints: (N, K, 2) in image pixels.
            sizes: (N, ) person sizes in image pixels.
            seconds: Time stamp of the frame.

        Returns:
            (N, K, 2) of the type of ``keypoints``.
        """
        self._tracks = {track: state for track, state in self._tracks.items()
                        if seconds - state[0] <= self.forget_seconds}
        smoothed = keypoints.copy()
        for n, track in enumerate(track_ids.tolist()):
            if track != NO_TRACK:
                smoothed[n] = self._one(track, keypoints[n].astype(np.float64), sizes[n], seconds)
        return smoothed

    def _one(self, track: int, position: np.ndarray, size: float, seconds: float) -> np.ndarray:
        if track not in self._tracks:
            self._tracks[track] = seconds, position, np.zeros_like(position)
            return position
        before, smoothed, speed = self._tracks[track]
        elapsed = seconds - before
        if elapsed <= 0:
            return smoothed
        # The speed is that of the raw position against the smoothed one, as in the authors' code.
        measured = (position - smoothed) / elapsed / max(size, 1.)
        speed = speed + _weight(self.speed_cutoff, elapsed) * (measured - speed)
        cutoff = self.min_cutoff + self.speed_gain * np.abs(speed)
        smoothed = smoothed + _weight(cutoff, elapsed) * (position - smoothed)
        self._tracks[track] = seconds, smoothed, speed
        return smoothed


def _weight(cutoff: float | np.ndarray, elapsed: float) -> float | np.ndarray:
    """The weight of a new value in a low-pass of a cutoff frequency in Hz."""
    turn = 2 * np.pi * cutoff * elapsed
    return turn / (1 + turn)
