"""Detections of many images: what is done is kept, whatever stops the job."""

import json

import cv2
import numpy as np
import pytest

from rsn_mm.errors import DataError, ExistingFileError
from rsn_mm.prediction.detection_job import DetectionJob

SETTINGS = dict(score_thr=0.5)


class Brightness:
    """Finds as many people in an image as its first pixel says, and stops when it has to."""

    def __init__(self, calls=None):
        self.left = calls

    def find(self, images):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left = None if self.left is None else self.left - 1
        return [np.array([[1., 2, 11, 22, 0.5]] * image[0, 0, 0], np.float32).reshape(-1, 5)
                for image in images]


@pytest.fixture
def images(tmp_path):
    paths = {i: tmp_path / f'{i}.png' for i in range(5)}
    for i, path in paths.items():
        cv2.imwrite(str(path), np.full((30, 20, 3), i, np.uint8))
    return paths


def run(images, out, settings=SETTINGS, overwrite=False, calls=None, **options):
    done = []
    found = DetectionJob(Brightness(calls), images, out, **options).run(
        settings, overwrite, done.append)
    assert sum(done) == len(images)
    return found


def test_persons_are_in_cocos_format(images, tmp_path):
    found = run(images, tmp_path / 'out.json', batch_size=2)
    assert (found.images, found.persons, found.images_with_persons, found.skipped) == (5, 10, 4, 0)
    persons = json.loads((tmp_path / 'out.json').read_text())
    assert [person['image_id'] for person in persons] == [1, 2, 2, 3, 3, 3, 4, 4, 4, 4]
    assert persons[0] == dict(image_id=1, category_id=1, bbox=[1, 2, 10, 20], score=0.5)


@pytest.mark.parametrize('batch_size', [1, 2])
def test_an_interrupted_job_goes_on(images, tmp_path, batch_size):
    run(images, tmp_path / 'expected.json', batch_size=batch_size)
    out, journal = tmp_path / 'out.json', tmp_path / 'out.json.partial'
    with pytest.raises(KeyboardInterrupt):
        run(images, out, batch_size=batch_size, calls=2)
    assert not out.exists() and journal.read_text().count('"persons"') == 2 * batch_size
    with pytest.raises(ExistingFileError, match='score_thr was 0.5, now 0.1'):
        run(images, out, settings=dict(score_thr=0.1))
    with pytest.raises(ExistingFileError, match='with other inputs has left'):
        run(dict(reversed(images.items())), out)
    # What is left is found by a detector that is asked no more often than there are images left.
    run(images, out, batch_size=batch_size, calls=-(-5 // batch_size) - 2)
    assert out.read_bytes() == (tmp_path / 'expected.json').read_bytes()
    assert not journal.exists()


def test_an_image_that_cannot_be_read_loses_nothing(images, tmp_path):
    out, whole = tmp_path / 'out.json', images[3].read_bytes()
    images[3].write_bytes(whole[:-20])
    with pytest.raises(DataError, match=r'3\.png: truncated image'):
        run(images, out)
    images[3].write_bytes(whole)
    run(images, out, calls=2)
    assert len(json.loads(out.read_text())) == 10


def test_images_that_cannot_be_read_can_be_skipped(images, tmp_path):
    images[3].write_bytes(b'')
    found = run(images, tmp_path / 'out.json', batch_size=5, skip_errors=True)
    assert (found.images, found.persons, found.skipped) == (5, 7, 1)
