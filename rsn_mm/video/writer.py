"""Writes videos whose frames keep their time stamps."""

from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rsn_mm.errors import OptionError, OutputError
from rsn_mm.files import FilePath, check_new_file, written_whole
from rsn_mm.packages import needed

if TYPE_CHECKING:
    from av.video.stream import VideoStream

#: FFmpeg's name of the container by the ending of the file.
CONTAINERS = {'.mp4': 'mp4', '.mov': 'mov', '.mkv': 'matroska'}
#: Codecs by falling preference, each with its options: H.264 at good quality and little work, and
#: MPEG-4, which every build of FFmpeg has.
CODECS: dict[str, dict[str, str]] = {
    'libx264': dict(preset='veryfast', crf='21'), 'libopenh264': {},
    'mpeg4': dict(flags='+qscale', global_quality=str(4 * 118))}  # 118 for 1 of quantizer scale
#: Units of time in a second: common frame rates are whole numbers of them, and MPEG-4 allows 65535.
TIME_BASE = 60_000


class VideoWriter:
    """Writes a video file that appears in its place once it is complete.

    A context manager. The size is that of the first frame; odd sizes grow by one pixel, since the
    codecs need even ones. If the block raises, there is no file.

    Example:
        >>> from rsn_mm.video import VideoWriter
        >>> with VideoWriter('video.mp4', frames_per_second=25) as video:  # doctest: +SKIP
        ...     for i in range(50):
        ...         video.write(np.full((48, 64, 3), i, np.uint8), seconds=i / 25)

    Args:
        path: File with the ending ``.mp4``, ``.mov`` or ``.mkv``.
        frames_per_second: The usual rate. Time stamps decide when a frame is shown; the rate gives
            those of frames that have none.
        overwrite: Replace a file that exists.

    Raises:
        OptionError: If the ending is another one.
        OutputError: If the file cannot be written.
        MissingPackageError: If PyAV is not installed.
    """

    def __init__(self, path: FilePath, frames_per_second: float = 25.,
                 overwrite: bool = False) -> None:
        self.path = Path(path)
        self._av = needed('av', 'writing a video', 'video')
        if self.path.suffix.lower() not in CONTAINERS:
            raise OptionError(f'video {path}: expected a name ending with {", ".join(CONTAINERS)}')
        check_new_file(path, 'video', overwrite=overwrite)
        self._rate = Fraction(frames_per_second).limit_denominator(1001)
        self._whole = ExitStack()
        self._stream: VideoStream | None = None
        self._size_hw: tuple[int, ...] = ()
        self._stamp = -1

    def __enter__(self) -> 'VideoWriter':
        file = self._whole.enter_context(written_whole(self.path))
        self._container = self._av.open(file, 'w', format=CONTAINERS[self.path.suffix.lower()])
        return self

    def write(self, image: np.ndarray, seconds: float | None = None) -> None:
        """Add a frame.

        Args:
            image: (H, W, 3) uint8, BGR, as large as the first one.
            seconds: When it is shown; ``None`` is one frame after the previous one. A time that is
                not after the previous one is moved to just after it.

        Raises:
            OptionError: If the image has another size than the first one.
            OutputError: If the frame cannot be written, for instance because the disk is full.
        """
        if self._stream is None:
            self._size_hw = image.shape[:2]
            self._stream = self._new_stream(*image.shape[:2])
        if image.shape[:2] != self._size_hw:
            (height, width), (first_height, first_width) = image.shape[:2], self._size_hw
            raise OptionError(f'video {self.path}: a frame of {width} x {height} pixels, expected '
                              f'{first_width} x {first_height} as the first one')
        height, width = self._size_hw
        even = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        frame = self._av.VideoFrame.from_ndarray(even, format='bgr24')
        if seconds is not None:
            stamp = round(seconds * TIME_BASE)
        else:
            stamp = self._stamp + round(TIME_BASE / self._rate) if self._stamp >= 0 else 0
        self._stamp = frame.pts = max(stamp, self._stamp + 1)
        frame.time_base = Fraction(1, TIME_BASE)
        try:
            self._container.mux(self._stream.encode(frame))
        except (OSError, self._av.FFmpegError) as failure:
            raise self._failed(failure) from failure

    def _new_stream(self, height: int, width: int) -> 'VideoStream':
        codec = next(name for name in CODECS if self._can_encode(name))
        stream = self._container.add_stream(codec, rate=self._rate, options=CODECS[codec])
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = 'yuv420p'
        stream.codec_context.time_base = Fraction(1, TIME_BASE)
        return stream

    def _can_encode(self, codec: str) -> bool:
        try:
            self._av.Codec(codec, 'w')
        except (ValueError, self._av.FFmpegError):
            return False
        return True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if error is not None:
            with suppress(Exception):
                self._container.close()
            self._whole.__exit__(kind, error, trace)
            return
        try:
            with self._whole:  # removes the file if this raises
                if self._stream is None:
                    raise OutputError(f'video {self.path}: no frame was written')
                self._container.mux(self._stream.encode(None))
                self._container.close()
        except (OSError, self._av.FFmpegError) as failure:
            raise self._failed(failure) from failure

    def _failed(self, failure: Exception) -> OutputError:
        return OutputError(f'video {self.path} cannot be written: {failure}')
