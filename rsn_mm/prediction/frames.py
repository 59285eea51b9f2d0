"""The images that keypoints are predicted in, wherever they come from."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(eq=False)  # the comparison of arrays is not a single truth value
class Frame:
    """A photograph, or a frame of a video.

    Example:
        >>> frame = Frame(np.zeros((480, 640, 3), np.uint8), 'video.mp4', index=50, seconds=2.)
        >>> frame.size_wh, frame.index
        ((640, 480), 50)

    Args:
        image: (H, W, 3) uint8, BGR.
        name: The path as the user gave it, or that of the video.
        index: Number of the frame in its video, from 0; ``None`` for a photograph.
        seconds: Time stamp of the frame in its video; ``None`` for a photograph.
    """

    image: np.ndarray
    name: str
    index: int | None = None
    seconds: float | None = None

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.image.shape[:2]
        return width, height


#: Anything that can be iterated over for its frames: a list, a generator, a reader of videos.
Frames = Iterable[Frame]
