"""Boxes from files are found by the names of images; a bad file is one message."""

import json

import numpy as np
import pytest

from rsn_mm.errors import DataError, MissingFileError
from rsn_mm.prediction.box_files import BoxFile
from rsn_mm.prediction.frames import Frame


def frame(name):
    return Frame(np.zeros((50, 60, 3), np.uint8), name)


def detection(image_id, x=1, score=0.5, **more):
    return dict(image_id=image_id, bbox=[x, 2, 10, 20], score=score, **more)


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


ONE = [[1, 2, 11, 22, 0.5]]


@pytest.mark.parametrize('name, content', [
    ('boxes.json', [detection(7)]),
    ('boxes.json', [detection('000007.jpg')]),
    ('boxes.json', [detection('some/folder/000007.jpg')]),
    ('boxes.json', [detection(7, category_id=1), detection(7, category_id=3)]),
    ('boxes.json', [detection(7, category_id=5)]),  # a category alone is what is meant
    ('boxes.json', dict(images=[dict(id=3, file_name='000007.jpg')], annotations=[detection(3)])),
    ('boxes.json', dict(images=[dict(id=3, file_name='000007.jpg')],
                        annotations=[detection(3), detection(3, iscrowd=1)])),
    ('boxes.csv', 'image,x1,y1,x2,y2,score\n000007.jpg,1,2,11,22,0.5\n'),
    ('boxes.csv', '\ufeffscore,y2,x2,y1,x1,image,more\n.5,22,11,2,1,000007.jpg,\n'),
])
def test_formats_and_names(tmp_path, name, content):
    boxes = BoxFile(written(tmp_path, name, content))
    found, none = boxes([frame('some/folder/000007.jpg'), frame('other.jpg')])
    np.testing.assert_array_equal(found, np.float32(ONE))
    assert found.dtype == np.float32 and none.shape == (0, 5)
    boxes.check_use()


def test_a_table_without_scores(tmp_path):
    boxes = BoxFile(written(tmp_path, 'b.csv', 'image,x1,y1,x2,y2\na.jpg,1,2,3,4\na.jpg,5,6,7,8\n'))
    np.testing.assert_array_equal(boxes([frame('a.jpg')])[0], [[1, 2, 3, 4, 1], [5, 6, 7, 8, 1]])


def test_a_file_for_other_images_is_refused(tmp_path):
    boxes = BoxFile(written(tmp_path, 'b.json', [detection(7)]))
    boxes([frame('a.jpg')])
    with pytest.raises(DataError, match='none of the images, for example not for a.jpg; it names '
                                        '7$'):
        boxes.check_use()


@pytest.mark.parametrize('name, content, message', [
    ('b.json', '', 'b.json is not JSON'),
    ('b.json', '[{', 'b.json is not JSON'),
    ('b.json', '7', 'expected a list of detections'),
    ('b.json', dict(images=[]), 'expected a list of detections'),
    ('b.json', dict(images=[dict(id=1)], annotations=[]), 'images must have id and file_name'),
    ('b.json', [detection(1), 5], 'entry 1: expected image_id and bbox'),
    ('b.json', [dict(bbox=[1, 2, 3, 4])], "entry 0: .*KeyError: 'image_id'"),
    ('b.json', [dict(image_id=1, bbox=[1, 2, 3])], 'entry 0: .*unpack'),
    ('b.json', [dict(image_id=1, bbox=[1, 2, 3, 'x'])], 'entry 0: .*could not convert'),
    ('b.json', [dict(image_id=1, bbox=None)], 'entry 0: .*TypeError'),
    ('b.csv', '', 'b.csv has no column image, x1'),
    ('b.csv', 'image,x1,y1,x2\n', 'has no column y2; expected a first line'),
    ('b.csv', 'image,x1,y1,x2,y2\na.jpg,1,2,3\n', 'b.csv, line 2'),
    ('b.csv', 'image,x1,y1,x2,y2\na.jpg,1,2,3,4\na.jpg,1,two,3,4\n', 'line 3: could not convert'),
])
def test_bad_files_are_named(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message):
        BoxFile(written(tmp_path, name, content))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(MissingFileError, match='no.json does not exist'):
        BoxFile('no.json')
    (tmp_path / 'b.json').write_bytes(b'\xff\xfe\xff')
    with pytest.raises(DataError, match='b.json cannot be read'):
        BoxFile(tmp_path / 'b.json')
