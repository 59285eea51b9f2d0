"""Reads a camera."""

import time
from collections.abc import Iterator

import cv2

from rsn_mm.errors import DataError
from rsn_mm.prediction.frames import Frame

from .reader import DEFAULT_RATE


class Camera:
    """The frames of a camera, until it is closed or unplugged.

    Time stamps are seconds since the first frame, by the clock of this machine. While the loop over
    the frames is slower than the camera, frames are lost.

    Example:
        >>> from rsn_mm.video import Camera
        >>> for frame in Camera(0):  # doctest: +SKIP
        ...     print(frame.index, frame.seconds)

    Args:
        number: OpenCV's number of the camera, 0 for the first one.

    Raises:
        DataError: If the camera cannot be opened.
    """

    total: None = None  #: a camera does not end

    def __init__(self, number: int) -> None:
        self.name = f'camera {number}'
        self._stopped = False
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise DataError(f'{self.name} cannot be opened')
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, where the driver can
        self.frames_per_second = self._capture.get(cv2.CAP_PROP_FPS) or DEFAULT_RATE
        self.size_wh = (int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
                        int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))

    def stop(self) -> None:
        """End the loop over the frames behind the current one."""
        self._stopped = True

    def __iter__(self) -> Iterator[Frame]:
        """Read frames until the camera gives none or is stopped, then close it."""
        start, index = None, 0
        try:
            while not self._stopped:
                found, image = self._capture.read()
                if not found:
                    return
                now = time.monotonic()
                start = now if start is None else start
                yield Frame(image, self.name, index, now - start)
                index += 1
        finally:
            self._capture.release()
