"""Small videos whose frames are known, written with PyAV alone."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE_WH = (96, 64)
#: Turns a stored frame by so many degrees clockwise for display: a, b, c, d of QuickTime's matrix,
#: x' = ax + cy, y' = bx + dy with y pointing down. The last entry mirrors it left to right.
MATRICES = {'0': (1, 0, 0, 1), '90': (0, 1, -1, 0), '180': (-1, 0, 0, -1), '270': (0, -1, 1, 0),
            'mirrored': (-1, 0, 0, 1)}


def frame_with(center_xy: Sequence[float], size_wh: Sequence[int] = SIZE_WH,
               half: int = 6) -> np.ndarray:
    """A dark blue picture with a bright square around a center."""
    width, height = size_wh
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = 60
    x, y = (int(round(value)) for value in center_xy)
    image[max(y - half, 0):y + half, max(x - half, 0):x + half] = 255
    return image


def center_of(image: np.ndarray) -> tuple[float, float]:
    """The center of what is bright in all colors, in pixels; pixel edges are whole numbers."""
    rows, columns = np.nonzero(image.min(2) > 128)
    return columns.mean() + .5, rows.mean() + .5


def write_video(path: Path, images: Sequence[np.ndarray], seconds: Sequence[float] | None = None,
                codec: str = 'libx264', rate: int = 25, options: dict | None = None,
                gop_size: int = 12) -> Path:
    """Write frames at these times, in milliseconds, or at a rate."""
    unit = Fraction(1, rate if seconds is None else 1000)
    stamps = range(len(images)) if seconds is None else np.round(np.array(seconds) * 1000)
    with av.open(str(path), 'w', options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = images[0].shape[:2]
        stream.gop_size = gop_size
        stream.pix_fmt, stream.codec_context.time_base = 'yuv420p', unit
        for image, stamp in zip(images, stamps):
            frame = av.VideoFrame.from_ndarray(image, format='bgr24')
            frame.pts, frame.time_base = int(stamp), unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def set_display_matrix(path: Path, matrix: Sequence[int]) -> None:
    """Write a display matrix into the track header of an MP4 file."""
    data = bytearray(path.read_bytes())
    # Behind the name: version and flags, times, ids, duration, layer, group and volume.
    start = data.index(b'tkhd') + 4 + 4 + 20 + 16
    one, (a, b, c, d) = 1 << 16, matrix
    old = struct.unpack('>9i', data[start:start + 36])
    assert old == (one, 0, 0, 0, one, 0, 0, 0, 1 << 30)  # it is the matrix, and the identity
    data[start:start + 36] = struct.pack(
        '>9i', a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
