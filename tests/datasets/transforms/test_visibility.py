"""Flags 2, 1 and 0 are those of the annotation, in the joints' order."""

import numpy as np
import pytest

from rsn_mm.datasets.transforms import LoadVisibility

FLAGS = [2, 1, 0, 2]


def sample(flags=FLAGS, **changes) -> dict:
    keypoints = np.arange(1., 9.).reshape(1, 4, 2).astype(np.float32)
    raw = np.concatenate([keypoints[0], np.array(flags)[:, None]], axis=1).ravel().tolist()
    return dict(
        img_path='a.jpg', id=7, bbox=np.array([[0., 0., 9., 9.]]), flip_indices=[0, 1, 2, 3],
        keypoints=keypoints, keypoints_visible=np.minimum(1, np.array([flags])),
        raw_ann_info=dict(id=7, keypoints=raw), **changes)


def test_flags_of_coco_are_kept_apart():
    flags = LoadVisibility().transform(sample())['keypoints_visible']
    np.testing.assert_array_equal(flags, [FLAGS])
    assert flags.dtype == np.float32


def test_flags_of_whole_bodies_are_joined():
    results = sample()
    raw = results['raw_ann_info']['keypoints']
    results['raw_ann_info'] = dict(id=7, keypoints=raw[:6], foot_kpts=raw[6:9], face_kpts=raw[9:])
    flags = LoadVisibility().transform(results)['keypoints_visible']
    np.testing.assert_array_equal(flags, [FLAGS])


def test_flags_of_mpii_count_as_visible():
    results = sample()
    del results['raw_ann_info']
    results['keypoints_visible'] = np.array([[1, 0, 1, 0]])
    flags = LoadVisibility(flags='binary').transform(results)['keypoints_visible']
    np.testing.assert_array_equal(flags, [[2, 0, 2, 0]])


def broken(**changes) -> dict:
    return {**sample(), **changes}


NAN = sample()['keypoints'].copy()
NAN[0, 1, 0] = np.nan


@pytest.mark.parametrize('results, message', [
    (sample(flags=[2, 3, 0, 2]), 'a.jpg, annotation 7: visibility flags'),
    (broken(raw_ann_info=dict(id=7, keypoints=[1, 2, 2])),
     'a.jpg, annotation 7: the annotation has 1 joints, and the sample 4; LoadVisibility must'),
    # two persons, of whom one has fewer joints
    (broken(raw_ann_info=[dict(id=7, keypoints=[1, 2, 2] * n) for n in (4, 3)],
            keypoints=np.repeat(sample()['keypoints'], 2, 0)), 'must come before'),
    (broken(raw_ann_info=dict(id=7)), "use flags='binary'"),
    (broken(keypoints_visible=np.array([[0, 1, 1, 1]])), 'in another order than the joints'),
    ({k: v for k, v in sample().items() if k != 'raw_ann_info'}, "flags='binary'"),
    (broken(keypoints=NAN), 'a.jpg'),
    (broken(keypoints=sample()['keypoints'][:, :3]), 'a.jpg'),
])
def test_bad_annotations_name_their_image(results, message):
    with pytest.raises(ValueError, match=message):
        LoadVisibility().transform(results)


def test_bad_options():
    with pytest.raises(ValueError, match="flags='openpose'"):
        LoadVisibility(flags='openpose')
