"""The display matrix of a video: how a player turns and mirrors the stored frames."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


def display_matrix(frame: 'VideoFrame') -> np.ndarray:
    """The upper left part (2, 2) of a frame's display matrix; without one, the identity.

    Stored coordinates (x, y), as a row, times this matrix give displayed coordinates, up to a
    translation; y points down.
    """
    stored: Any = frame.side_data.get('DISPLAYMATRIX')
    if stored is None:
        return np.eye(2, dtype=np.int32)
    return np.frombuffer(stored, np.int32).reshape(3, 3)[:2, :2]


def oriented(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Turn and mirror an image for display, by multiples of 90 degrees.

    Args:
        image: (H, W, C) as it is stored.
        matrix: (2, 2), see :func:`display_matrix`. Other angles are rounded.

    Returns:
        (H, W, C) or (W, H, C), contiguous.
    """
    (a, b), (c, d) = matrix.tolist()
    if abs(a) < abs(b):  # the stored x runs along the displayed y
        image, (a, d) = image.swapaxes(0, 1), (c, b)
    return np.ascontiguousarray(image[::-1 if d < 0 else 1, ::-1 if a < 0 else 1])
