"""Bad data: what is refused, how it is named, and what is counted."""

import json
import re
from copy import deepcopy
from functools import cache

import cv2
import mmpose
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmpose.datasets import AicDataset, CocoDataset, MpiiDataset
from mmpose.datasets.transforms import LoadImage

from rsn_mm.datasets import checks
from rsn_mm.datasets.annotation_files import explain_failure
from rsn_mm.datasets.checks import DataError, check_dataset, check_keypoints, leaf_datasets

NAN, INF = float('nan'), float('inf')


def person(id_, image_id, joints=17, **changes):
    keypoints = [v for k in range(joints) for v in (10. + k, 20. + k, (2, 1, 0)[k % 3])]
    return {**dict(id=id_, image_id=image_id, category_id=1, iscrowd=0, bbox=[5., 6., 40., 50.],
                   area=2000., num_keypoints=joints, keypoints=keypoints), **changes}


def coco(*persons, images=3):
    return dict(
        images=[dict(id=i, file_name=f'{i}.png', width=100, height=80) for i in range(images)],
        annotations=list(persons),
        categories=[dict(id=1, name='person')])


def mpii(image='0.png', scale=0.5, joints=16, vis=1, **changes):
    return {**dict(image=image, center=[50., 40.], scale=scale, joints_vis=[vis] * joints,
                   joints=[[10. + k, 20. + k] for k in range(joints)]), **changes}


def detection(image_id=0, **changes):
    return {**dict(image_id=image_id, category_id=1, bbox=[5., 6., 40., 50.], score=0.9), **changes}


def with_joint(index, value):
    """A person with a value of the flat keypoints changed."""
    keypoints = person(1, 0)['keypoints']
    keypoints[index] = value
    return person(7, 1, keypoints=keypoints)


@pytest.fixture
def folder(tmp_path):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f'{i}.png'), np.zeros((80, 100, 3), np.uint8))
    return tmp_path


@cache
def metainfo(kind):
    """A dataset's joints, read once."""
    name = kind.METAINFO['from_file'].rpartition('/')[2]
    return Config.fromfile(f'{mmpose.__path__[0]}/.mim/configs/_base_/datasets/{name}').dataset_info


def load(folder, content, kind=CocoDataset, detections=None, **options):
    """A dataset of a file with the given content."""
    (folder / 'ann.json').write_text(json.dumps(content))
    if detections is not None:
        (folder / 'det.json').write_text(json.dumps(detections))
        options.update(bbox_file=str(folder / 'det.json'), test_mode=True)
    options = dict(serialize_data=False) | options  # which takes mmengine a second
    return kind(ann_file='ann.json', data_root=str(folder), metainfo=metainfo(kind), **options)


# --------------------------------------------------------------------------------- what is refused

GOOD = person(1, 0)


@pytest.mark.parametrize('bad, message', [
    (with_joint(3, NAN), r'1\.png, annotation id 7: joint 1 is at \(nan, 21\.0\)'),
    (with_joint(50 - 1, INF), r'annotation id 7: joint 16 is at \(26\.0, inf\)'),
    (person(7, 1, joints=16), r'annotation id 7: 16 joints, expected the 17 of the dataset'),
    (with_joint(2, 3), r'annotation id 7: joint 0 has visibility flag 3, expected 0 .* 1 .* 2'),
    (with_joint(5, -1), r'joint 1 has visibility flag -1'),
    (with_joint(5, 0.5), r'joint 1 has visibility flag 0\.5'),
    (with_joint(5, NAN), r'joint 1 has visibility flag nan'),
    (person(7, 1, bbox=[NAN, 6, 40, 50]), r'id 7: box \[\[nan, 6\.0, .*\]\] .* is empty'),
    (person(7, 1, bbox=[5, 6, 40, NAN]), r'annotation id 7: box'),
])
def test_a_bad_annotation_is_named(folder, bad, message):
    with pytest.raises(DataError, match=r'(?s)ann\.json: 1 of 2 samples cannot.*' + message):
        check_dataset(load(folder, coco(GOOD, bad)))


def test_many_bad_annotations_are_counted_and_the_first_named(folder):
    bad = [person(100 + i, 0, joints=16) for i in range(50)]
    with pytest.raises(DataError) as error:
        check_dataset(load(folder, coco(GOOD, *bad)))
    text = str(error.value)
    assert '50 of 51 samples' in text and '... and 47 more' in text
    assert [f'annotation id {i}:' in text for i in (100, 102, 103)] == [True, True, False]


@pytest.mark.parametrize('bad, message', [
    (detection(1, bbox=[5., 6., 0., 0.]), r'1\.png, person 1: box \[\[5\.0, 6\.0, 5\.0, 6'),
    (detection(1, bbox=[5., 6., 40., -1.]), r'1\.png, person 1: box'),
    (detection(1, bbox=[5., NAN, 40., 50.]), r'1\.png, person 1: box .*nan'),
    (detection(1, bbox=[5., 6., INF, 50.]), r'1\.png, person 1: box .*inf'),
])
def test_a_bad_detection_is_named(folder, bad, message):
    dataset = load(folder, coco(GOOD), detections=[detection(), detection(category_id=2), bad])
    with pytest.raises(DataError, match=r'(?s)det\.json: 1 of 2 samples.*' + message):
        check_dataset(dataset)


@pytest.mark.parametrize('bad, message', [
    (mpii(joints=15), '15 joints, expected the 16'),
    (mpii(vis=3), 'joint 0 has visibility flag 3'),
    (mpii(center=[NAN, 40.]), 'annotation id 1: box'),
])
def test_a_bad_mpii_annotation_is_named(folder, bad, message):
    with pytest.raises(DataError, match=message):
        check_dataset(load(folder, [mpii(), bad], MpiiDataset))


def test_other_numbers_of_joints_are_those_of_the_data_set(folder):
    assert 'kept 1 of 1' in check_dataset(load(folder, coco(person(1, 0, joints=14)), AicDataset))
    with pytest.raises(DataError, match='17 joints, expected the 14'):
        check_dataset(load(folder, coco(person(1, 0)), AicDataset))


def test_missing_images_are_counted_and_named(folder):
    persons = [person(i, i) for i in range(8)]
    dataset = load(folder, coco(*persons, images=8))
    with pytest.raises(DataError) as error:
        check_dataset(dataset)
    text = str(error.value)
    assert '5 images do not exist' in text and '... and 2 more' in text and 'data_prefix' in text
    assert f'{folder}/3.png' in text and f'{folder}/2.png' not in text


def test_a_missing_folder_is_all_images_missing(folder):
    dataset = load(folder, coco(GOOD), data_prefix=dict(img='nowhere'))
    with pytest.raises(DataError, match=r'1 images do not exist:\n  .*nowhere/0\.png'):
        check_dataset(dataset)


def test_images_elsewhere_are_not_looked_for(folder):
    loader = LoadImage(backend_args=dict(backend='http'))
    check_dataset(load(folder, coco(person(1, 5), images=6), pipeline=[loader]))
    check_dataset(load(folder, coco(GOOD), data_prefix=dict(img='http://host/')))


def test_bottom_up_samples_are_refused(folder):
    with pytest.raises(DataError, match="data_mode='bottomup', expected 'topdown'"):
        check_dataset(load(folder, coco(GOOD), data_mode='bottomup'))


def test_an_empty_data_set_is_refused(folder):
    dataset = load(folder, coco(person(1, 0, iscrowd=1)))
    with pytest.raises(DataError, match=r'ann\.json: the dataset is empty'):
        check_dataset(dataset)


# --------------------------------------------------------------------------------- what is counted


def test_what_mmpose_skips_is_counted(folder):
    skipped = [
        person(2, 1, iscrowd=1),
        person(3, 1, num_keypoints=0),
        person(4, 0, keypoints=[0] * 51),  # num_keypoints says otherwise
        {k: v for k, v in person(5, 0).items() if k != 'keypoints'},
        person(6, 0, bbox=[5, 6, 0, 50]),
        person(7, 0, bbox=[5, 6, 40, -2]),
        person(8, 0, bbox=[99.5, 6, 40, 50]),  # nothing of it in the image
    ]
    dataset = load(folder, coco(GOOD, *skipped), serialize_data=True)
    assert check_dataset(dataset).endswith(
        'ann.json: kept 1 of 8 annotations (skipped 1 crowd, 3 with an empty box, '
        '3 without keypoints); 2 of 3 images have none')


def test_what_options_leave_out_is_counted_apart(folder):
    dataset = load(folder, coco(*(person(i, i) for i in range(3))), indices=1)
    assert check_dataset(dataset).endswith(
        'kept 1 of 3 annotations (skipped 2 left out by indices, sample_interval or filter_cfg); '
        '0 of 3 images have none')


def test_what_is_skipped_of_mpii_is_counted(folder):
    content = [mpii(), mpii(scale=0.), mpii('1.png', joints=16, vis=0)]
    content[2]['joints'] = [[-1., -1.]] * 16
    assert check_dataset(load(folder, content, MpiiDataset)).endswith(
        'kept 1 of 3 annotations (skipped 1 with an empty box, 1 without keypoints); '
        '1 of 2 images have none')


def test_what_is_skipped_of_detections_is_counted(folder):
    detections = [detection(), detection(1, category_id=3), detection(2, score=0.1)]
    dataset = load(folder, coco(GOOD), detections=detections,
                   filter_cfg=dict(bbox_score_thr=0.5))
    assert check_dataset(dataset).endswith(
        'det.json: kept 1 of 3 detections (skipped 1 of other categories, 1 left out by indices, '
        'sample_interval or filter_cfg); 1 of 3 images have none')


def test_long_data_sets_tell_how_far_they_are(folder, monkeypatch):
    lines = []
    monkeypatch.setattr(checks, 'PROGRESS_INTERVAL', 2)
    monkeypatch.setattr(checks, 'print_log', lambda text, logger: lines.append(text.split(': ')[1]))
    check_dataset(load(folder, coco(*(person(i, 0) for i in range(5)))))
    assert lines == ['looked at 2 of 5', 'looked at 4 of 5']


def test_wrapped_datasets_are_found(folder):
    dataset = load(folder, coco(GOOD))
    other = load(folder, coco(GOOD))
    assert list(leaf_datasets(dataset)) == [dataset]
    assert list(leaf_datasets(RepeatDataset(dataset, 3))) == [dataset]
    assert list(leaf_datasets(ConcatDataset([dataset, other]))) == [dataset, other]


# ------------------------------------------------------------------------- one sample of a pipeline

SAMPLE = dict(img_path='a/b.jpg', id=42, flip_indices=list(range(17)),
              keypoints=np.ones((1, 17, 2), np.float32),
              bbox=np.array([[1., 2., 3., 4.]], np.float32))


@pytest.mark.parametrize('key, value, message', [
    ('keypoints', np.full((1, 17, 2), np.nan), r'a/b\.jpg, annotation id 42: joint 0 is at \(nan'),
    ('keypoints', np.ones((1, 16, 2)), '16 joints, expected the 17'),
    ('bbox', np.array([[1., 2., 1., 2.]]), 'annotation id 42: box .* is empty'),
    ('bbox', np.array([[1., 2., 3., np.nan]]), 'box .*nan'),
])
def test_a_bad_sample_is_named(key, value, message):
    with pytest.raises(ValueError, match=message):
        check_keypoints({**deepcopy(SAMPLE), key: value})


@pytest.mark.parametrize('without', [(), ('bbox', ), ('keypoints', ), ('flip_indices', 'id')])
def test_a_good_sample_passes_with_whatever_keys_it_has(without):
    check_keypoints({key: value for key, value in SAMPLE.items() if key not in without})


# ------------------------------------------------------------ files that no dataset can be built of


@pytest.mark.parametrize('content, message', [
    ('{broken', r'ann\.json is not a JSON file: '),
    (coco(), 'the dataset is empty: of its file MMPose kept 0 of 0'),
    (coco(person(1, 0, iscrowd=1)), 'empty: of its file MMPose kept 0 of 1 .*1 crowd'),
    ([], 'the dataset is empty'),
    (dict(images=[]), "expected COCO's format"),
    (coco(GOOD, person(9, 0, keypoints=[1.] * 50)), 'annotation id 9 has 50 numbers in keypoints'),
    (coco(GOOD, person(9, 0, bbox=[1, 2, 3])), r'annotation id 9 has bbox \[1, 2, 3\]'),
    (coco({k: v for k, v in GOOD.items() if k != 'category_id'}), "1 has no 'category_id'"),
    ({**coco(GOOD), 'images': [dict(id=0, file_name='0.png')]}, "image id 0 has no 'width', 'heig"),
])
def test_a_dataset_that_cannot_be_built_is_explained(folder, content, message):
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / 'ann.json').write_text(text)
    cfg = dict(ann_file='ann.json', data_root=str(folder))
    kind = MpiiDataset if isinstance(content, list) else CocoDataset
    with pytest.raises(Exception):  # noqa: B017  (whatever MMPose makes of it)
        kind(metainfo=metainfo(kind), **cfg)
    assert_matches(explain_failure(cfg), message)


def assert_matches(text, pattern):
    assert re.search(pattern, text), text


def test_persons_without_joints_are_for_testing_with_our_own_data_set(folder):
    persons = [mpii(), mpii()]
    del persons[1]['joints'], persons[1]['joints_vis']
    (folder / 'ann.json').write_text(json.dumps(persons))
    ours = dict(type='rsn_mm.MpiiDataset', ann_file='ann.json', data_root=str(folder))
    assert explain_failure(dict(ours, test_mode=True)) is None
    for cfg in (ours, dict(ours, type='MpiiDataset', test_mode=True)):
        assert_matches(explain_failure(cfg), "annotation 1 has no 'joints', 'joints_vis'")
    persons[1]['joints'] = [[1, 2]]
    del persons[0]['center']
    (folder / 'ann.json').write_text(json.dumps(persons))
    assert_matches(explain_failure(dict(ours, test_mode=True)), "annotation 0 has no 'center'")
    (folder / 'ann.json').write_text(json.dumps(persons[1:]))
    assert_matches(explain_failure(dict(ours, test_mode=True)), 'has 1 joints and 0 joints_vis')


@pytest.mark.parametrize('content, message', [
    (dict(), 'expected a list of detections, found dict'),
    ([detection(99)], r'detection 0 is of image_id 99, which .*ann\.json lacks'),
    ([detection(), dict(image_id=0)], "detection 1 has no 'category_id', 'bbox', 'score'"),
    ([detection(bbox=[1, 2])], r'detection 0 has bbox \[1, 2\]'),
    ([detection(category_id=2)], r'none of 1 detections is a person \(category_id 1\)'),
])
def test_detections_that_cannot_be_used_are_explained(folder, content, message):
    with pytest.raises(Exception):  # noqa: B017  (whatever MMPose makes of it)
        load(folder, coco(GOOD), detections=content, serialize_data=True)
    assert_matches(explain_failure(dict(
        ann_file='ann.json', data_root=str(folder), bbox_file=str(folder / 'det.json'))), message)


def test_files_that_do_not_exist_and_good_ones(folder):
    load(folder, coco(GOOD), detections=[detection()])
    good = dict(ann_file='ann.json', data_root=str(folder), bbox_file=str(folder / 'det.json'))
    assert_matches(explain_failure({**good, 'ann_file': 'no.json'}), r'no\.json does not exist')
    assert_matches(explain_failure({**good, 'bbox_file': 'no.json'}), r'no\.json does not exist')
    bad = dict(datasets=[good, {**good, 'ann_file': 'no.json'}])
    assert_matches(explain_failure(dict(dataset=bad)), r'no\.json does not exist')
