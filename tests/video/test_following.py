"""The loop over a video: who is detected when, where boxes go, and that memory stays flat."""

import os

import numpy as np
import pytest
from mmengine.structures import InstanceData

from rsn_mm.errors import OptionError
from rsn_mm.prediction.frames import Frame
from rsn_mm.video import Tracker, VideoReader, VideoWriter, follow, savitzky_golay

from .files import center_of, frame_with

SIZE_WH = (160, 120)
HALF = 10


class Detector:
    """Finds bright squares anywhere, and notes the frames that it was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, frames):
        frame, = frames
        self.asked.append(frame.index)
        return [np.array([[x - 14, y - 14, x + 14, y + 14, .8] for x, y in centers(frame.image)],
                         np.float32).reshape(-1, 5)]


def centers(image):
    """The centers of the bright squares in the left and in the right half."""
    half = image.shape[1] // 2
    for left, part in ((0, image[:, :half]), (half, image[:, half:])):
        if (part.min(2) > 128).any():
            x, y = center_of(part)
            yield x + left, y


def predict(image, boxes):
    """Finds the corners of the bright square in each box; where there is none, scores are 0.5."""
    boxes = np.array([[0, 0, *image.shape[1::-1], 1]], np.float32) if boxes is None else boxes
    keypoints, scores = np.zeros((len(boxes), 4, 2), np.float32), np.full((len(boxes), 4), .5)
    for n, (x1, y1, x2, y2) in enumerate(boxes[:, :4].round().astype(int).clip(0)):
        rows, columns = np.nonzero(image[y1:y2, x1:x2].min(2) > 128)
        if len(rows):
            left, right = x1 + columns.min(), x1 + columns.max() + 1
            top, bottom = y1 + rows.min(), y1 + rows.max() + 1
            keypoints[n] = [(left, top), (right, top), (left, bottom), (right, bottom)]
            scores[n] = .9
    return [InstanceData(keypoints=keypoints, keypoint_scores=scores, bboxes_xyxy=boxes[:, :4],
                         scores=boxes[:, 4] * scores.mean(1))]


def scene(count, gone=(), second_from=None):
    """A square that moves by two pixels a frame, and a second one at rest."""
    for i in range(count):
        image = np.zeros((SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
        if i not in gone:
            image |= frame_with((20 + 2 * (i % 20), 40 + i % 30), SIZE_WH, HALF)
        if second_from is not None and i >= second_from:
            image |= frame_with((130, 80), SIZE_WH, HALF)
        yield Frame(image, 'video', i, i / 25)


@pytest.mark.parametrize('every, asked', [(1, list(range(12))), (5, [0, 5, 10]), (100, [0])])
def test_boxes_are_carried_on_between_detections(every, asked):
    detector, frames = Detector(), list(scene(12))
    found = list(follow(frames, predict, detector, every))
    assert detector.asked == asked
    for (frame, people), given in zip(found, frames):
        assert frame is given
        np.testing.assert_allclose(people.keypoints.mean(1), [center_of(frame.image)])
        np.testing.assert_allclose(people.scores, [.8 * .9], rtol=1e-5)
        assert people.track_ids.tolist() == [-1]
    carried = [people.bboxes_xyxy[0] for frame, people in found if frame.index not in asked]
    for box in carried:
        np.testing.assert_allclose(box[2:] - box[:2], 2 * HALF * 1.3)


def test_who_is_lost_is_looked_for_in_the_next_frame():
    detector = Detector()
    found = list(follow(scene(20, gone=(8, 9)), predict, detector, 6))
    # Lost in frame 8; frame 9 has nobody to lose, so the next detection is 6 frames after it.
    assert detector.asked == [0, 6, 9, 15]
    assert [len(people) for _, people in found] == [1] * 9 + [0] * 6 + [1] * 5


def test_without_a_detector_the_whole_image_is_where_people_are_looked_for():
    found = list(follow(scene(12, gone=(5, )), predict, detect_every=100))
    widths = [float(people.bboxes_xyxy[0, 2] - people.bboxes_xyxy[0, 0]) for _, people in found]
    np.testing.assert_allclose(widths, [160] + [26] * 5 + [160] + [26] * 5)


def test_people_keep_their_ids_over_detections():
    tracker = Tracker(frames_per_second=25)
    found = list(follow(scene(20, second_from=7), predict, Detector(), 5, tracker=tracker))
    assert [people.track_ids.tolist() for _, people in found] == [[0]] * 10 + [[0, 1]] * 10


def test_refusals():
    with pytest.raises(OptionError, match='detect_every=0'):
        follow([], predict, detect_every=0)


def resident_bytes():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


@pytest.mark.skipif(not os.path.exists('/proc/self/statm'), reason='needs the /proc of Linux')
def test_memory_is_flat_from_file_to_file(tmp_path):
    count, peaks = 200, []
    with VideoWriter(tmp_path / 'video.mp4') as video:
        for i in range(count):
            video.write(frame_with((30 + i % 250, 100), (320, 240)), i / 25)
    for _ in range(5):
        peaks.append(0)
        followed = follow(VideoReader(tmp_path / 'video.mp4'), predict, detect_every=5,
                          tracker=Tracker())
        with VideoWriter(tmp_path / 'copy.mp4', overwrite=True) as video:
            for frame, _people in savitzky_golay(followed):
                video.write(frame.image, frame.seconds)
                peaks[-1] = max(peaks[-1], resident_bytes())
        assert frame.index == count - 1
    # The images of one pass are 46 million bytes. If they stayed, every pass would show it; what is
    # reserved once, here or by the tests before, shows in some.
    assert min(np.diff(peaks)) < 15_000_000
