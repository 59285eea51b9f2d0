"""Where people are in images: everywhere, or where a file or a detector says."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from .frames import Frame


class People(Protocol):
    """Finds people."""

    def __call__(self, frames: Sequence[Frame]) -> list[np.ndarray | None]:
        """Find the people of frames.

        Returns:
            For each frame its boxes (N, 5), x1, y1, x2, y2 in image pixels and score; ``None`` is
            the whole image.
        """


def whole_images(frames: Sequence[Frame]) -> list[np.ndarray | None]:
    """Take each image for one person."""
    return [None] * len(frames)
