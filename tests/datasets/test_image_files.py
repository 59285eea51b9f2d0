"""Image files that cannot be read, or are of another size than the annotations say."""

import json

import cv2
import numpy as np
import pytest
from mmpose.datasets import CocoDataset

from rsn_mm.datasets import image_files
from rsn_mm.datasets.checks import DataError
from rsn_mm.datasets.image_files import look_at_headers
from rsn_mm.datasets.transforms import LoadImage
from tests.tools.tiny_run import draw_persons


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'persons.json').write_text(json.dumps(draw_persons(tmp_path, 4)))
    return tmp_path


def headers_of(folder):
    return look_at_headers(CocoDataset('persons.json', data_root=str(folder)))


def test_good_images_are_counted_in_one_line(folder):
    headers = headers_of(folder)
    assert headers.summary().endswith('persons.json: looked at the headers of 4 of 4 images')
    assert headers.doubts() is None


@pytest.mark.parametrize('content, problem', [
    (b'', '002.png: the file is empty'),
    (b'hello', '002.png: 5 bytes that are not an image'),
    (b'\x89PNG\r\n\x1a\n' + bytes(100), '002.png: truncated image of 108 bytes'),
    (b'<html>404</html>', '002.png: 16 bytes that are not an image'),
])
def test_files_that_are_no_images_are_named(folder, content, problem):
    (folder / '002.png').write_bytes(content)
    with pytest.raises(DataError, match=r'persons\.json: 1 images cannot be read:') as caught:
        headers_of(folder)
    assert problem in str(caught.value)


def test_sizes_unlike_those_of_the_annotations_are_named(folder):
    for name in ('002.png', '004.png'):
        cv2.imwrite(str(folder / name), np.zeros((100, 80, 3), np.uint8))
    doubts = headers_of(folder).doubts()
    assert '2 images have another size than the file says' in doubts
    assert '002.png has 80 x 100 pixels, expected 100 x 80; ' in doubts and '004.png' in doubts


def test_what_pillow_does_not_read_but_opencv_does_is_an_image(folder, monkeypatch):
    def refuse(path):
        raise OSError('unknown format')

    monkeypatch.setattr(image_files, 'size_of', refuse)
    assert headers_of(folder).looked_at == 4


def test_it_ends_in_time(folder, monkeypatch):
    monkeypatch.setattr(image_files, 'CHUNK', 1)
    monkeypatch.setattr(image_files, 'TIME_LIMIT', 0)
    summary = headers_of(folder).summary()
    assert 'looked at the headers of 1 of 4 images within 0 seconds; the run will name' in summary


def test_images_of_16_bits_become_images_of_8_bits(tmp_path):
    image = (np.arange(12 * 10 * 3).reshape(12, 10, 3) * 182).astype(np.uint16)
    cv2.imwrite(str(tmp_path / 'deep.png'), image)
    loaded = LoadImage().transform(dict(img_path=str(tmp_path / 'deep.png')))['img']
    assert loaded.dtype == np.uint8
    np.testing.assert_array_equal(loaded, image >> 8)
