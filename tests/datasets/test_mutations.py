"""A small valid annotation file, and what every damage to one of its fields leads to.

Each row is a path into the file, a value, and what the message must say, or what the line that says
what is kept must count. Nothing else than this package's error may come out.
"""

import json
import re
from copy import deepcopy

import cv2
import numpy as np
import pytest
from mmpose.datasets import CocoDataset

from rsn_mm.datasets.annotation_files import explain_failure
from rsn_mm.datasets.checks import check_dataset
from rsn_mm.errors import DataError
from tests.datasets.test_checks import coco, detection, metainfo, person

NAN, INF = float('nan'), float('inf')
ABSENT = object()
WRONG_TYPES = ('text', None, [1], {}, True)

NAMES = [name for _, name in sorted(
    (v['id'], v['name']) for v in metainfo(CocoDataset)['keypoint_info'].values())]


def valid():
    content = coco(person(10, 0), person(11, 1), person(12, 2))
    content['categories'][0]['keypoints'] = list(NAMES)
    return content


def wrong(path, *values, says):
    return [(path, value, says) for value in values]


ROWS = [
    # The lists themselves.
    *wrong('images', 'text', None, 5, {}, says='images is .*, expected a list'),
    *wrong('annotations', 'text', None, 5, {}, says='annotations is .*, expected a list'),
    *wrong('categories', 'text', 5, {}, says='categories is .*, expected a list'),
    *wrong('images.0', 'text', None, 5, [], says='image 0 is .*, expected an object'),
    *wrong('annotations.1', 'text', None, 5, [], says='annotation 1 is .*, expected an object'),
    *wrong('categories.0', 'text', 5, [], says='category 0 is .*, expected an object'),
    *wrong('images', ABSENT, says="expected COCO's format"),
    *wrong('annotations', ABSENT, says="expected COCO's format"),
    # Images.
    *wrong('images.0.id', *WRONG_TYPES, 0.5, says='image 0.* has id .*, expected an integer'),
    *wrong('images.0.id', 1, says='image id 1 is there twice, as entries 0 and 1'),
    *wrong('images.0.id', ABSENT, says="image 0 has no 'id'"),
    *wrong('images.0.file_name', None, 5, [1], {}, says='image id 0 has file_name'),
    *wrong('images.0.width', *WRONG_TYPES, 0, -5, INF, says='image id 0 has width .*, expected'),
    *wrong('images.0.height', *WRONG_TYPES, 0, -5, says='image id 0 has height .*, expected a num'),
    *wrong('images.0.file_name', '', says=r'1 images do not exist'),
    *wrong('images.0.width', NAN, says=r'annotation id 10: box \[\[nan'),
    *wrong('images.0.width', ABSENT, says="image id 0 has no 'width'"),
    # Annotations.
    *wrong('annotations.1.id', None, [1], {}, True, 0.5, says='annotation 1 has id .*, expected'),
    *wrong('annotations.1.id', 10, says='annotation id 10 is there twice, as entries 0 and 1'),
    *wrong('annotations.1.image_id', *WRONG_TYPES, 0.5, says='annotation id 11 has image_id'),
    *wrong('annotations.1.category_id', *WRONG_TYPES, says='annotation id 11 has category_id'),
    *wrong('annotations.1.category_id', ABSENT, says="annotation id 11 has no 'category_id'"),
    *wrong('annotations.1.bbox', 'text', None, 5, {}, [], [1, 2, 3], [1, 2, 3, '4'],
           [1, 2, None, 4], [1, 2, 3, [4]], [INF, 2, 3, 4], [1, 2, INF, 4], [1, 2, 3, 1e30],
           says='annotation id 11 has bbox .*, expected x, y, width, height'),
    *wrong('annotations.1.bbox.0', NAN, says=r'annotation id 11: box \[\[nan'),
    *wrong('annotations.1.keypoints', 'text', None, 5, {}, [], [1.] * 50,
           says='annotation id 11 has .*keypoints.*, expected x, y and flag'),
    *wrong('annotations.1.keypoints.3', 'text', [1], {}, True,
           says='annotation id 11 has .* in keypoints, expected'),
    *wrong('annotations.1.keypoints.3', NAN, INF, -INF, None, says='id 11: joint 1 is at'),
    *wrong('annotations.1.keypoints.3', 1e30, -1e30, 2000,
           says='annotation id 11 has joint 1 at .*, far outside of its image of 100 x 80'),
    *wrong('annotations.1.keypoints', [1.] * 48, says='id 11: 16 joints, expected the 17'),
    *wrong('annotations.1.keypoints.5', 3, -1, 0.5, NAN, says='joint 1 has visibility flag'),
    *wrong('annotations.1.num_keypoints', 'text', None, [1], {}, -1, 0.5,
           says='annotation id 11 has num_keypoints .*, expected'),
    *wrong('annotations.1.iscrowd', 'text', None, [1], {}, 2, says='annotation id 11 has iscrowd'),
    *wrong('annotations.1.area', *WRONG_TYPES, NAN, INF, -1,
           says='annotation id 11 has area .*, expected a finite number of 0 or more'),
    # Categories.
    *wrong('categories.0.id', *WRONG_TYPES, says='category 0 has id .*, expected an integer'),
    *wrong('categories.0.keypoints', NAMES[::-1], says="category 1 has the keypoints of the "
           "dataset in another order: keypoint 0 is 'right_ankle', expected 'nose'"),
    *wrong('categories.0.keypoints', NAMES[:16], says='category 1 has 16 keypoints, exp'),
    *wrong('categories.0.keypoints', 'text', 5, {}, [1], says='category id 1 has .*keypoints'),
]

COUNTED = [
    ('annotations.1.image_id', 99, 'kept 2 of 3 annotations (skipped 1 of no image)'),
    ('annotations.1.iscrowd', 1, 'kept 2 of 3 annotations (skipped 1 crowd)'),
    ('annotations.1.keypoints', ABSENT, '(skipped 1 without keypoints)'),
    ('annotations.1.num_keypoints', 0, '(skipped 1 without keypoints)'),
    ('annotations.1.bbox', ABSENT, '(skipped 1 with an empty box)'),
    ('annotations.1.bbox', [5, 6, -1, 50], '(skipped 1 with an empty box)'),
    ('annotations.1.bbox', [500, 6, 40, 50], '(skipped 1 with an empty box)'),
    ('annotations.1.keypoints.0', 150., 'kept 3 of 3 annotations; 0 of 3 images have none; 1 joints'
     ' marked as visible lie outside of their images'),
    ('annotations.1.category_id', 2, '; 1 annotations are of categories other than 1'),
    ('annotations.1.area', ABSENT, 'kept 3 of 3 annotations'),
    ('annotations.1.id', 'eleven', 'kept 3 of 3 annotations'),
    ('categories', ABSENT, 'kept 3 of 3 annotations'),
    ('categories.0.keypoints', [str(i) for i in range(17)], 'kept 3 of 3 annotations'),
]

DETECTIONS = [
    *wrong('1', 'text', None, 5, [], says='detection 1 is .*, expected an object'),
    *wrong('1.score', *WRONG_TYPES, NAN, INF, -0.1, 1.5,
           says='detection 1 has score .*, expected a number from 0 to 1'),
    *wrong('1.score', ABSENT, says="detection 1 has no 'score'"),
    *wrong('1.image_id', *WRONG_TYPES, 0.5, says='detection 1 has image_id'),
    *wrong('1.image_id', 99, says=r'detection 1 is of image_id 99, which .*ann\.json lacks'),
    *wrong('1.category_id', *WRONG_TYPES, says='detection 1 has category_id'),
    *wrong('1.bbox', 'text', None, 5, {}, [1, 2], [1, 2, '3', 4], says='detection 1 has bbox'),
    *wrong('1.bbox', [1, 2, NAN, 4], [1, 2, INF, 4], [1, 2, 0, 0], says='person 1: box'),
]


def mutated(content, path, value):
    """A copy with one field changed or removed."""
    content = deepcopy(content)
    *parents, last = (int(each) if each.isdigit() else each for each in path.split('.'))
    entry = content
    for each in parents:
        entry = entry[each]
    if value is ABSENT:
        del entry[last]
    else:
        entry[last] = value
    return content


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('mutations')
    for i in range(3):
        cv2.imwrite(str(path / f'{i}.png'), np.zeros((80, 100, 3), np.uint8))
    return path


def outcome(folder, content, detections=None):
    """What a run would say about these files: the line on what is kept, or the error."""
    (folder / 'ann.json').write_text(json.dumps(content))
    cfg = dict(ann_file='ann.json', data_root=str(folder))
    if detections is not None:
        (folder / 'det.json').write_text(json.dumps(detections))
        cfg.update(bbox_file=str(folder / 'det.json'), test_mode=True)
    try:
        dataset = CocoDataset(metainfo=metainfo(CocoDataset), serialize_data=False, **cfg)
    except Exception:  # noqa: BLE001  (as in rsn_mm.cli.running, where the files must tell why)
        return f'error: {explain_failure(cfg)}'
    try:
        return check_dataset(dataset)
    except DataError as error:
        return f'error: {error}'


def test_the_file_without_damage_is_good(folder):
    assert outcome(folder, valid()).endswith('kept 3 of 3 annotations; 0 of 3 images have none')
    assert 'kept 2 of 2' in outcome(folder, valid(), [detection(), detection(1)])


def test_damage_to_an_annotation_file_is_one_message_with_file_and_field(folder):
    assert len(ROWS) > 130
    problems = []
    for path, value, says in ROWS:
        found = outcome(folder, mutated(valid(), path, value))
        if not re.match(rf'(?s)error: .*ann\.json.*{says}', found):
            problems.append((path, value, found))
    assert not problems, '\n'.join(map(str, problems))


def test_what_is_kept_or_skipped_is_counted(folder):
    found = {(path, i): outcome(folder, mutated(valid(), path, value))
             for i, (path, value, _) in enumerate(COUNTED)}
    for i, (path, _, counts) in enumerate(COUNTED):
        assert counts in found[path, i] and not found[path, i].startswith('error'), found[path, i]


def test_damage_to_a_detection_file_is_one_message_with_file_and_field(folder):
    good = [detection(), detection(1), detection(2)]
    problems = []
    for path, value, says in DETECTIONS:
        found = outcome(folder, valid(), mutated(good, path, value))
        if not re.match(rf'(?s)error: .*det\.json.*{says}', found):
            problems.append((path, value, found))
    assert not problems, '\n'.join(map(str, problems))


@pytest.mark.parametrize('text', ['', '{', 'null', '5', '"text"', '[' * 100_000, '\x00'])
def test_a_file_that_is_no_such_file_is_one_message(folder, text):
    (folder / 'ann.json').write_text(text)
    assert 'ann.json' in explain_failure(dict(ann_file='ann.json', data_root=str(folder)))


@pytest.mark.parametrize('key', ['data_root', 'ann_file', 'bbox_file'])
@pytest.mark.parametrize('value', [5, ['a'], dict(a=1)])
def test_a_path_that_is_none_is_one_message(key, value):
    assert explain_failure({key: value}) == f'{key}={value!r} of a dataset: expected a path'
