"""Reads videos frame by frame, as a player would show them."""

import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from rsn_mm.errors import DataError, MissingFileError
from rsn_mm.files import FilePath
from rsn_mm.packages import needed
from rsn_mm.prediction.frames import Frame

from .orientation import display_matrix, oriented

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

logger = logging.getLogger(__name__)

#: Assumed where a video states no rate.
DEFAULT_RATE = 25.
#: A video ends too early if more time than that of so many frames is missing from the duration that
#: the file states.
MISSING_FRAMES = 1.5


class VideoReader:
    """The frames of a video file, each time from the first one on.

    Frames are turned as the display matrix says. Their time stamps are those of the file, counted
    from the first frame, so that a variable frame rate is right. A file that is cut off or damaged
    gives the frames that can be decoded, and one warning in the log.

    Example:
        >>> from rsn_mm.video import VideoReader
        >>> for frame in VideoReader('video.mp4'):  # doctest: +SKIP
        ...     print(frame.index, frame.seconds, frame.image.shape)

    Args:
        path: A file that FFmpeg reads.

    Raises:
        MissingFileError: If the file does not exist.
        DataError: If the file is no video, or has no frame that can be decoded.
        MissingPackageError: If PyAV is not installed.
    """

    frames_per_second: float  #: the average rate
    size_wh: tuple[int, int]  #: width and height of the displayed frames, in pixels
    total: int | None  #: number of frames that the file states, if it does

    def __init__(self, path: FilePath) -> None:
        self.path = os.fspath(path)
        self._av = needed('av', 'reading a video', 'video')
        if not os.path.isfile(self.path):
            raise MissingFileError(f'video {self.path} does not exist')
        with self._open() as container:
            stream = _video_stream(container, self.path)
            self.frames_per_second = float(stream.average_rate or DEFAULT_RATE)
            self.total = stream.frames or None
            first = next(self._decoded(container, stream, []), None)
            if first is None:
                raise DataError(f'video {self.path} has no frame that can be decoded')
            height, width = _image_of(first).shape[:2]
            self.size_wh = width, height

    def __iter__(self) -> Iterator[Frame]:
        """Decode the frames in the order of display."""
        problems: list[str] = []
        index, seconds, start, interval = 0, 0., 0., 1 / self.frames_per_second
        with self._open() as container:
            stream = _video_stream(container, self.path)
            unit = float(stream.time_base or 0)
            for frame in self._decoded(container, stream, problems):
                if frame.time is None:  # some old formats have no time stamps
                    seconds = index / self.frames_per_second
                else:
                    start = start if index else frame.time
                    before, seconds = seconds, max(frame.time - start, seconds)
                    interval = max(seconds - before, (frame.duration or 0) * unit, interval)
                yield Frame(_image_of(frame), self.path, index, seconds)
                index += 1
            stated = _stated_seconds(container, stream)
        if not problems and (stated or 0) > start + seconds + MISSING_FRAMES * interval:
            problems.append(f'the file states {stated:.2f} seconds')
        if problems:
            logger.warning(
                'video %s is damaged or cut off: %d frames were decoded, the last is frame %d at '
                '%.2f seconds (%s)', self.path, index, index - 1, seconds, problems[0])

    def _open(self) -> 'InputContainer':
        # From PyAV 19 on, text that is not in UTF-8 is no error, and the option is gone.
        options = {} if int(self._av.__version__.partition('.')[0]) >= 19 else dict(
            metadata_errors='replace')
        try:
            return self._av.open(self.path, **options)
        except self._av.FFmpegError as error:
            raise DataError(f'video {self.path} cannot be read: {_words(error)}') from error

    def _decoded(self, container: 'InputContainer', stream: 'VideoStream',
                 problems: list[str]) -> Iterator['VideoFrame']:
        """Decode all that can be decoded; what cannot is added to the problems."""
        stream.thread_type = 'AUTO'
        packets, packet = container.demux(stream), None
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                if packet.is_corrupt:
                    problems.append('the file ends within a frame')
                    continue
                frames = packet.decode()
            except self._av.FFmpegError as error:
                problems.append(_words(error))
                if packet is None or packet.dts is None:  # at the end, so that nothing follows
                    return
                continue
            yield from (frame for frame in frames if not frame.is_corrupt)


def _words(error: Exception) -> str:
    """FFmpeg's message without number and path."""
    return (getattr(error, 'strerror', None) or str(error)).lower()


def _video_stream(container: 'InputContainer', path: str) -> 'VideoStream':
    if not container.streams.video:
        raise DataError(f'video {path} has no video stream')
    return container.streams.video[0]


def _image_of(frame: 'VideoFrame') -> np.ndarray:
    return oriented(frame.to_ndarray(format='bgr24'), display_matrix(frame))


def _stated_seconds(container: 'InputContainer', stream: 'VideoStream') -> float | None:
    """The duration of the video stream; that of the file can be that of its sound."""
    if container.format.name == 'avi' and stream.average_rate:
        return float(stream.frames / stream.average_rate)  # the duration is that of what is left
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if len(container.streams) == 1 and container.duration is not None:
        return container.duration / 1e6  # in FFmpeg's microseconds
    return None
