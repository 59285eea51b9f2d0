"""MPII's files: where joints are, who is kept, and files that do not fit together."""

import json

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmpose.datasets import MpiiDataset as MMPoseMpiiDataset
from scipy.io import savemat

from rsn_mm.datasets import MpiiDataset
from rsn_mm.datasets.checks import DataError, check_dataset
from tests import mpii_files
from tests.mpii_files import ANNOTATIONS, HEAD_BOXES
from tests.test_real_data import DATA


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


def load(folder, kind=MpiiDataset, heads=True, **kwargs):
    if heads and kwargs.get('test_mode'):
        kwargs['headbox_file'] = str(folder / HEAD_BOXES)
    return kind(ann_file=str(folder / ANNOTATIONS), data_prefix=dict(img='images'), **kwargs)


def samples(dataset):
    return [super(MMPoseMpiiDataset, dataset).get_data_info(i) for i in range(len(dataset))]


@pytest.mark.parametrize('test_mode', [False, True])
def test_gives_what_mmpose_gives_but_for_the_origin_of_joints_in_training(tmp_path, test_mode):
    persons = mpii_files.write_both(tmp_path)
    persons[3]['center'] = [-1., -1.]  # MPII's mark of an unknown one
    mpii_files.write_persons(tmp_path, persons)
    ours, theirs = (samples(load(tmp_path, kind, test_mode=test_mode))
                    for kind in (MpiiDataset, MMPoseMpiiDataset))
    assert len(ours) == len(theirs) == 20
    for here, there in zip(ours, theirs):
        assert here.keys() == there.keys()
        assert ('head_size' in here) == test_mode
        there['keypoints'] = there['keypoints'] - (not test_mode)
        for key, value in there.items():
            np.testing.assert_array_equal(here[key], value, err_msg=key)
            assert np.asarray(here[key]).dtype == np.asarray(value).dtype, key


@pytest.mark.parametrize('size', [64, 200])
def test_a_joint_is_learnt_where_its_pixel_is(tmp_path, size):
    """A bright pixel with a joint on it, counted from 1, through the way of a training image."""
    x, y = 41, 27
    image = np.zeros((100, 120, 3), np.uint8)
    image[y, x] = 255
    (tmp_path / 'images').mkdir()
    cv2.imwrite(str(tmp_path / 'images' / '000000001.png'), image)
    joints = [[x + 1, y + 1]] * 16
    mpii_files.write_persons(tmp_path, [dict(
        image='000000001.png', center=[50., 30.], scale=size / 200, joints=joints,
        joints_vis=[1] * 16)])
    dataset = MpiiDataset(
        ann_file=str(tmp_path / ANNOTATIONS), data_prefix=dict(img=str(tmp_path / 'images')),
        pipeline=[dict(type='LoadImage'), dict(type='TopdownAffine', input_size=(256, 256))])
    result = dataset[0]
    bright = result['img'][..., 0].astype(float)
    rows, columns = np.indices(bright.shape)
    center = (columns * bright).sum() / bright.sum(), (rows * bright).sum() / bright.sum()
    pixel = 256 / size  # of the photograph, in the input
    np.testing.assert_allclose(result['transformed_keypoints'][0, 0], center, atol=0.2 * pixel)


def test_persons_without_joints_are_kept_when_testing_only(tmp_path):
    persons = mpii_files.write_both(tmp_path)
    persons[5] = {**persons[5], 'joints': [[-1, -1]] * 16, 'joints_vis': [0] * 16}
    mpii_files.write_persons(tmp_path, persons)
    tested, trained = load(tmp_path, test_mode=True), load(tmp_path)
    assert [s['id'] for s in samples(tested)] == list(range(20))
    assert [s['id'] for s in samples(trained)] == [i for i in range(20) if i != 5]
    # Everybody has the head box of their own.
    boxes = mpii_files.draw_head_boxes(20)
    expected = 0.6 * np.linalg.norm(boxes[1] - boxes[0], axis=0)
    np.testing.assert_allclose([s['head_size'].item() for s in samples(tested)], expected)


@pytest.mark.parametrize('joints', [None, []])
def test_the_test_set_has_no_joints(tmp_path, joints):
    persons = mpii_files.draw_persons(4)
    for person in persons:
        del person['joints'], person['joints_vis']
        if joints is not None:
            person['joints'] = joints
    mpii_files.write_persons(tmp_path, persons)
    dataset = load(tmp_path, heads=False, test_mode=True)
    assert len(dataset) == 4 and dataset.num_annotations == 4
    assert all(s['keypoints'].shape == (1, 16, 2) and not s['keypoints_visible'].any()
               for s in samples(dataset))
    (tmp_path / 'images').mkdir()
    for person in persons:
        (tmp_path / 'images' / person['image']).touch()
    some = MpiiDataset(ann_file=str(tmp_path / ANNOTATIONS), indices=2, test_mode=True,
                       data_prefix=dict(img=str(tmp_path / 'images')))
    assert 'kept 2 of 4 annotations (skipped 2 left out by indices' in check_dataset(some)
    with pytest.raises(DataError, match='has no joints to train on'):
        load(tmp_path)


def test_real_annotations_are_read_as_mmpose_reads_them():
    if not (DATA / 'mpii_sample').is_dir():
        pytest.skip(f'the photographs are not here: {DATA / "mpii_sample"}')
    ours, theirs = (
        samples(kind(ann_file=str(DATA / 'mpii_sample' / 'annotations.json'), test_mode=True))
        for kind in (MpiiDataset, MMPoseMpiiDataset))
    assert len(ours) == 5
    for here, there in zip(ours, theirs):
        for key, value in there.items():
            np.testing.assert_array_equal(here[key], value, err_msg=key)


# ------------------------------------------------------------------------------------ bad files


def change(i, **changes):
    def apply(persons):
        persons[i].update(changes)
        return persons
    return apply


def without(i, *keys):
    def apply(persons):
        return [{k: v for k, v in p.items() if j != i or k not in keys}
                for j, p in enumerate(persons)]
    return apply


@pytest.mark.parametrize('apply, message', [
    (lambda persons: [], 'the dataset is empty'),
    (lambda persons: dict(images=[], annotations=[]), "expected MPII's format, a list of persons"),
    (lambda persons: [1, 2], "expected MPII's format, a list of persons"),
    (without(2, 'scale', 'image'), "annotation 2 has no 'image', 'scale'"),
    (without(2, 'joints'), 'annotation 2 .*has no joints, but annotation 0 has'),
    (without(0, 'joints'), 'has joints, but annotation 0 has none'),
    (without(2, 'joints_vis'), r'annotation 2 .*joints_vis of shape None, expected \(16,\)'),
    (change(1, joints_vis=[1] * 15), r'annotation 1 .*joints_vis of shape \(15,\)'),
    (change(1, joints=[[1., 2.]] * 15), r'annotation 1 .*joints of shape \(15, 2\)'),
    (change(1, joints=[[1.]] + [[1., 2.]] * 15), r'annotation 1 .*joints of shape None'),
    (change(3, center=4), 'annotation 3 .*center 4, expected x, y'),
    (change(3, scale=[1, 2]), 'annotation 3 .*expected a number'),
    (change(3, scale=None), 'annotation 3 .*expected a number'),
    (change(3, image='person.jpg'), 'annotation 3 .*image name'),
])
@pytest.mark.parametrize('test_mode', [False, True])
def test_a_bad_annotation_file_is_one_clear_error(tmp_path, apply, message, test_mode):
    mpii_files.write_both(tmp_path, 4)
    mpii_files.write_persons(tmp_path, apply(mpii_files.draw_persons(4)))
    with pytest.raises(DataError, match=f'mpii_val.json: .*{message}'):
        load(tmp_path, test_mode=test_mode)


def test_no_annotation_file_and_no_json(tmp_path):
    with pytest.raises(DataError, match='mpii_val.json does not exist'):
        load(tmp_path)
    (tmp_path / ANNOTATIONS).write_text('{')
    with pytest.raises(DataError, match='is not a JSON file'):
        load(tmp_path)


def one_too_many(boxes):
    return np.concatenate([boxes, boxes[..., :1]], axis=-1)


def swapped(boxes):
    boxes = boxes.copy()
    boxes[1, :, 2] = boxes[0, :, 2]
    return boxes


def with_nan(boxes):
    boxes = boxes.copy()
    boxes[0, 0, 1] = np.nan
    return boxes


@pytest.mark.parametrize('boxes, message', [
    (one_too_many, r'headboxes_src is \(2, 2, 5\), expected \(2, 2, 4\)'),
    (lambda boxes: boxes[..., :3], r'headboxes_src is \(2, 2, 3\), expected \(2, 2, 4\)'),
    (lambda boxes: boxes.transpose(2, 0, 1), r'headboxes_src is \(4, 2, 2\)'),
    (swapped, '1 head boxes have no size, the first is that of person 2'),
    (with_nan, '1 head boxes have no size, the first is that of person 1'),
])
def test_head_boxes_that_do_not_fit_are_one_clear_error(tmp_path, boxes, message):
    mpii_files.write_both(tmp_path, 4)
    mpii_files.write_head_boxes(tmp_path, boxes(mpii_files.draw_head_boxes(4)))
    with pytest.raises(DataError, match=f'mpii_gt_val.mat: {message}'):
        load(tmp_path, test_mode=True)


def test_head_boxes_of_another_order_are_found_where_the_file_has_joints(tmp_path, monkeypatch):
    persons = mpii_files.write_both(tmp_path, 6)
    load(tmp_path, test_mode=True)
    mpii_files.write_persons(tmp_path, [persons[i] for i in (0, 2, 1, 3, 4, 5)])
    with pytest.raises(DataError, match=(
            r'joints of 2 of 6 persons are not those of .*first of persons 1 \(000000001.jpg\), '
            r'2 \(000000000.jpg\)')):
        load(tmp_path, test_mode=True)
    # One of 200 may be a correction.
    persons = mpii_files.write_both(tmp_path, 200)
    persons[7]['joints'] = (np.array(persons[7]['joints']) + 50).tolist()
    mpii_files.write_persons(tmp_path, persons)
    logged = []
    monkeypatch.setattr('rsn_mm.datasets.mpii_files.print_log',
                        lambda text, *args: logged.append(text))
    assert len(load(tmp_path, test_mode=True)) == 200
    assert len(logged) == 1 and 'joints of 1 of 200 persons' in logged[0]


def test_joints_of_another_shape_in_the_file_of_head_boxes(tmp_path):
    persons = mpii_files.write_both(tmp_path, 6)
    mpii_files.write_head_boxes(tmp_path, mpii_files.draw_head_boxes(6),
                                pos_gt_src=mpii_files.positions_of(persons)[:15])
    with pytest.raises(DataError, match=r'pos_gt_src is \(15, 2, 6\), expected \(16, 2, 6\)'):
        load(tmp_path, test_mode=True)


@pytest.mark.parametrize('write, message', [
    (lambda path: path.unlink(), 'does not exist .*PCKh needs the head boxes'),
    (lambda path: path.write_bytes(b'<html>404</html>' * 20), 'cannot be read as a MATLAB file'),
    (lambda path: path.write_bytes(path.read_bytes()[:300]), 'cannot be read as a MATLAB file'),
    (lambda path: path.write_text(json.dumps([])), 'cannot be read as a MATLAB file'),
    (lambda path: savemat(path, dict(jnt_missing=[1])), 'no headboxes_src; it has jnt_missing'),
])
def test_a_file_without_head_boxes_is_one_clear_error(tmp_path, write, message):
    mpii_files.write_both(tmp_path, 4)
    write(tmp_path / HEAD_BOXES)
    with pytest.raises(DataError, match=f'mpii_gt_val.mat .*{message}|mpii_gt_val.mat {message}'):
        load(tmp_path, test_mode=True)
