"""A camera, played by a stand-in for OpenCV's capture."""

import itertools

import cv2
import numpy as np
import pytest

from rsn_mm.errors import DataError
from rsn_mm.video import Camera
from rsn_mm.video.reader import DEFAULT_RATE


class Capture:
    """Gives three frames, then nothing."""

    rate = 15.

    def __init__(self, number):
        assert number == 2
        self.left, self.released = 3, False
        Capture.last = self

    def isOpened(self):
        return True

    def set(self, key, value):
        return False

    def get(self, key):
        return {cv2.CAP_PROP_FPS: self.rate, cv2.CAP_PROP_FRAME_WIDTH: 40.,
                cv2.CAP_PROP_FRAME_HEIGHT: 30.}[key]

    def read(self):
        self.left -= 1
        return (self.left >= 0), np.full((30, 40, 3), max(self.left, 0), np.uint8)

    def release(self):
        self.released = True


def test_frames_of_a_camera(monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', Capture)
    clock = itertools.count(100, .5)
    monkeypatch.setattr('time.monotonic', lambda: next(clock))
    camera = Camera(2)
    assert (camera.size_wh, camera.frames_per_second, camera.total) == ((40, 30), 15, None)
    frames = list(camera)
    assert [(frame.name, frame.index, frame.seconds, frame.image[0, 0, 0]) for frame in frames] == [
        ('camera 2', 0, 0, 2), ('camera 2', 1, .5, 1), ('camera 2', 2, 1, 0)]
    assert Capture.last.released


def test_camera_is_released_when_the_loop_ends_early(monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', Capture)
    monkeypatch.setattr(Capture, 'rate', 0.)  # a driver that does not know
    camera = Camera(2)
    assert camera.frames_per_second == DEFAULT_RATE
    frames = iter(camera)
    next(frames)
    assert not Capture.last.released
    frames.close()
    assert Capture.last.released


def test_a_camera_that_is_not_there():
    with pytest.raises(DataError, match='camera 63 cannot be opened'):
        Camera(63)
