"""Boxes, splits, mirrored joints and lengths."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from rsn_mm.errors import DataError
from rsn_mm.labels import Instance, LabeledImage, Labels
from rsn_mm.labels.boxes import box_of_joints, fill_boxes, use_whole_images
from rsn_mm.labels.metainfo import metainfo_text, opposite, swaps, unpaired
from rsn_mm.labels.recipe import epochs_for, input_size_for
from rsn_mm.labels.splitting import existing_splits, split_at_random


def instance(*joints, box=None, area=None):
    return Instance(np.array(joints, float), box, area)


# ------------------------------------------------------------------------------------------- boxes


@pytest.mark.parametrize('joints, margin, box', [
    ([(20, 30, 2), (60, 50, 1), (0, 0, 0)], 0., (20, 30, 40, 20)),
    ([(20, 30, 2), (60, 50, 2)], 0.25, (10, 20, 60, 40)),  # 10 on every side
    ([(5, 30, 2), (45, 50, 2)], 0.25, (0, 20, 55, 40)),  # cut at the border of the image
    ([(20, 30, 2)], 0.25, (17.5, 27.5, 5, 5)),  # one joint: 5 % of the shorter side
    ([(20, 30, 2), (60, 30, 2)], 0., (20, 27.5, 40, 5)),  # on a line
])
def test_a_box_reaches_around_the_labeled_joints(joints, margin, box):
    assert box_of_joints(instance(*joints), (200, 100), margin) == pytest.approx(box)


def test_boxes_and_areas_are_filled_where_they_are_missing():
    given = instance((1, 2, 2), box=(0., 0., 8., 5.), area=17.)
    no_area, nothing = instance((1, 2, 2), box=(0., 0., 8., 5.)), instance((20, 30, 2))
    labels = Labels(['a'], [], [LabeledImage(
        Path('a.png'), (200, 100), [given, no_area, nothing], 'g')])
    assert fill_boxes(labels) == 1
    assert (given.area, no_area.area, nothing.area) == (17, 40, 25)
    assert nothing.box_xywh == (17.5, 27.5, 5, 5)


def test_a_whole_image_is_the_box_of_its_only_instance():
    only = instance((20, 30, 2), box=(0., 0., 8., 5.), area=17.)
    labels = Labels(['a'], [], [LabeledImage(Path('a.png'), (200, 100), [only], 'g')])
    use_whole_images(labels)
    assert only.box_xywh == (0, 0, 200, 100) and only.area == 17
    labels.images[0].instances.append(only)
    with pytest.raises(DataError, match='a.png has 2 labeled instances'):
        use_whole_images(labels)


# ------------------------------------------------------------------------------------------ splits


def images(*counts, splits=()):
    """Groups of images."""
    return [LabeledImage(Path(f'{group}/{i}.png'), (9, 9), [instance((1, 1, 2))], str(group),
                         split=splits[group] if splits else None)
            for group, count in enumerate(counts) for i in range(count)]


def paths(splits):
    return {name: [str(image.path) for image in part] for name, part in splits.items()}


def test_a_split_is_of_the_size_and_follows_the_seed():
    first, again, other = (split_at_random(data, 0.2, seed, False) for data, seed in (
        (images(50), 0), (images(50)[::-1], 0), (images(50), 1)))
    assert len(first['val']) == 10 and len(first['train']) == 40
    assert paths(first) == paths(again) != paths(other)
    assert not set(paths(first)['val']) & set(paths(first)['train'])


@pytest.mark.parametrize('counts, val, expected', [
    ((10, 10, 10, 10, 10), 0.2, 10), ((10, 10, 10, 10, 10), 0.35, 20), ((30, 30), 0.1, 30),
    ((1, 99), 0.2, 1), ((5, 5, 5), 0.9, 10)])
def test_groups_stay_together(counts, val, expected):
    for seed in range(5):
        splits = split_at_random(images(*counts), val, seed, True)
        groups = {name: {image.group for image in part} for name, part in splits.items()}
        assert not groups['train'] & groups['val']
        assert len(splits['val']) == expected


def test_splits_of_the_tool_count_if_they_are_complete():
    three = images(3, 2, 1, splits=('train', 'val', 'test'))
    assert {name: len(part) for name, part in existing_splits(three).items()} == dict(
        train=3, val=2, test=1)
    assert existing_splits(images(3, 2, splits=('train', 'train'))) is None
    assert existing_splits(images(3, 2, splits=('train', None))) is None
    assert existing_splits(images(3)) is None


@pytest.mark.parametrize('counts, by_group, message', [
    ((1, ), False, 'one image is labeled'), ((9, ), True, 'all images are of one group')])
def test_what_cannot_be_split(counts, by_group, message):
    with pytest.raises(DataError, match=message):
        split_at_random(images(*counts), 0.2, 0, by_group)


# ---------------------------------------------------------------------------------- mirrored joints


@pytest.mark.parametrize('name, mirrored', [
    ('left_ear', 'right_ear'), ('ear-right', 'ear-left'), ('LeftEar', 'RightEar'),
    ('earLeft', 'earRight'), ('L_ear', 'R_ear'), ('ear_l', 'ear_r'), ('earL', 'earR'),
    ('LEFT EAR', 'RIGHT EAR'), ('leftear', 'rightear'), ('earright', 'earleft'),
    ('left_ear_tip2', 'right_ear_tip2'), ('paw.r.1', 'paw.l.1'),
    ('nose', None), ('collar', None), ('tail', None), ('bright', None), ('leftover', 'rightover'),
    ('joint3', None), ('', None),
])
def test_the_opposite_of_a_name(name, mirrored):
    assert opposite(name) == mirrored
    if mirrored is not None:
        assert opposite(mirrored) == name


def test_pairs_need_both_sides():
    joints = ['left_ear', 'right_ear', 'nose', 'left_paw']
    assert swaps(joints) == dict(left_ear='right_ear', right_ear='left_ear')
    assert unpaired(joints) == ['left_paw']


def test_mmpose_reads_the_description(tmp_path):
    path = tmp_path / 'metainfo.py'
    path.write_text(metainfo_text('mice', ['nose', "left 'ear'", "right 'ear'"],
                                  [('nose', "left 'ear'")], 0.1))
    for info in (dict(from_file=str(path)), Config.fromfile(path).dataset_info):
        parsed = parse_pose_metainfo(info)
        assert parsed['flip_indices'] == [0, 2, 1]
        assert parsed['skeleton_links'] == [(0, 1)]
        assert parsed['keypoint_id2name'][2] == "right 'ear'"
        assert parsed['upper_body_ids'] == parsed['lower_body_ids'] == []
        np.testing.assert_allclose(parsed['sigmas'], 0.1)
        assert parsed['keypoint_colors'].shape == (3, 3)


# ------------------------------------------------------------------------------------------ recipe


@pytest.mark.parametrize('samples, epochs', [(1, 300), (80, 150), (81, 136), (1200, 10), (9999, 10)
])
def test_little_data_is_seen_more_often(samples, epochs):
    assert epochs_for(samples) == epochs


@pytest.mark.parametrize('boxes, size', [
    ([(0, 0, 10, 10)], (128, 128)), ([(0, 0, 30, 10), (0, 0, 20, 10), (0, 0, 1, 9)], (128, 96)),
    ([(0, 0, 10, 30)], (96, 128)), ([(0, 0, 11, 10)], (128, 128))])
def test_the_input_has_the_shape_of_most_boxes(boxes, size):
    labels = Labels([], [], [LabeledImage(
        Path('a'), (90, 90), [instance((1, 1, 2), box=box) for box in boxes], 'g')])
    assert input_size_for(labels) == size
