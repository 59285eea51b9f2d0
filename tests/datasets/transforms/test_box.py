"""Boxes: golden test-time boxes, the ranges of the augmentation, geometry through the affine."""

import numpy as np
import pytest
from mmpose.datasets.transforms import RandomFlip, TopdownAffine
from mmpose.structures.bbox import bbox_xywh2xyxy, get_warp_matrix

from rsn_mm.datasets.transforms import ExtendBBox, HalfBodyBBox, ScaleRotateBBox
from tests import golden

UPPER, LOWER = list(range(11)), list(range(11, 17))


def person(seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    return dict(
        img_path='a.jpg', bbox=np.array([[100., 50., 180., 250.]], np.float32),
        keypoints=rng.uniform((100, 50), (180, 250), (1, 17, 2)).astype(np.float32),
        keypoints_visible=np.full((1, 17), 2, np.float32),
        upper_body_ids=UPPER, lower_body_ids=LOWER)


def repeat(transform, times: int = 2000, **changes) -> list[dict]:
    np.random.seed(0)
    return [transform.transform({**person(), **changes}) for _ in range(times)]


def test_test_boxes_and_warps_equal_the_released_ones():
    data = golden.load('test_box')
    extend = ExtendBBox(fixed=(float(data['x_extension']), float(data['y_extension'])))
    h, w = (int(n) for n in data['input_hw'])
    for i, box in enumerate(data['bbox_xywh']):
        results = extend.transform(dict(bbox=bbox_xywh2xyxy(box[None])))
        results['img'] = np.zeros((8, 8, 3), np.uint8)
        results = TopdownAffine(input_size=(w, h)).transform(results)
        np.testing.assert_allclose(results['input_center'], data['center'][i], atol=1e-3)
        np.testing.assert_allclose(results['input_scale'], data['scale'][i], atol=1e-3)
        warp = get_warp_matrix(results['input_center'], results['input_scale'], 0, (w, h))
        np.testing.assert_allclose(warp, data['warp'][i], atol=1e-3)


def test_fixed_and_random_extension():
    boxes = np.array([r['bbox_scale'][0] for r in repeat(
        ExtendBBox(fixed=(0.05, 0.05), random=(0.6, 0.8)))]) / [80, 200] / 1.05
    np.testing.assert_allclose(boxes.min(0), [1, 1], atol=0.01)
    np.testing.assert_allclose(boxes.max(0), [1.6, 1.8], atol=0.01)
    np.testing.assert_allclose(boxes.mean(0), [1.3, 1.4], atol=0.02)
    assert abs(np.corrcoef(boxes.T)[0, 1]) < 0.1  # width and height are drawn on their own


def test_extension_starts_from_a_given_centre_and_scale():
    results = ExtendBBox(fixed=(0.25, 0.25)).transform(dict(
        person(), bbox_center=np.array([[7., 8.]]), bbox_scale=np.array([[100., 100.]])))
    np.testing.assert_array_equal(results['bbox_center'], [[7, 8]])
    np.testing.assert_array_equal(results['bbox_scale'], [[125, 125]])


def test_half_body_boxes():
    joints = person()['keypoints'][0]
    centers = {name: joints[ids].mean(0) for name, ids in (('upper', UPPER), ('lower', LOWER))}
    counts = dict(upper=0, lower=0, whole=0)
    start = dict(bbox_center=np.array([[140., 150.]], np.float32),
                 bbox_scale=np.array([[80., 200.]], np.float32))
    ratios = []
    for results in repeat(HalfBodyBBox(prob=0.3, extension=(0.6, 0.8)), **start):
        center = results['bbox_center'][0]
        kind = next((n for n, c in centers.items() if np.allclose(c, center)), 'whole')
        counts[kind] += 1
        if kind == 'upper':
            ratios.append(results['bbox_scale'][0] / np.ptp(joints[UPPER], axis=0))
    assert counts['upper'] == pytest.approx(300, abs=60)
    assert counts['lower'] == pytest.approx(300, abs=60)
    np.testing.assert_allclose(np.max(ratios, axis=0), [1.6, 1.8], atol=0.03)
    np.testing.assert_allclose(np.min(ratios, axis=0), [1, 1], atol=0.03)


@pytest.mark.parametrize('labelled, min_labelled, changed', [
    (range(3), 3, False),  # not more than three
    (range(4), 3, True),  # four, all of the upper body
    ([0, 1, 11, 12], 3, False),  # neither half has more than two
    (range(8), 8, False),
    (range(9), 8, True),
])
def test_half_body_needs_enough_labelled_joints(labelled, min_labelled, changed):
    flags = np.zeros((1, 17), np.float32)
    flags[0, list(labelled)] = 1
    start = dict(bbox_center=np.zeros((1, 2)), bbox_scale=np.ones((1, 2)))
    results = repeat(HalfBodyBBox(prob=1., min_labelled=min_labelled), 5,
                     keypoints_visible=flags, **start)
    assert all((r['bbox_center'] != 0).all() == changed for r in results)


def test_half_body_of_joints_on_one_spot_keeps_the_box():
    start = dict(bbox_center=np.zeros((1, 2)), bbox_scale=np.ones((1, 2)),
                 keypoints=np.full((1, 17, 2), 9, np.float32))
    assert (repeat(HalfBodyBBox(prob=1.), 1, **start)[0]['bbox_scale'] == 1).all()


def test_scale_and_rotation():
    results = repeat(ScaleRotateBBox(scale=(0.75, 1.25), shrink=0.8, rotation=45.),
                     bbox_scale=np.ones((1, 2), np.float32))
    scales = np.array([r['bbox_scale'][0] for r in results])
    angles = np.array([r['bbox_rotation'][0] for r in results])
    assert scales.min() == pytest.approx(0.6, abs=0.01)
    assert scales.max() == pytest.approx(1.0, abs=0.01)
    assert (scales[:, 0] == scales[:, 1]).all()
    assert (angles == 0).mean() == pytest.approx(0.5, abs=0.05)
    assert angles.min() == pytest.approx(-45, abs=1) and angles.max() == pytest.approx(45, abs=1)


def test_a_bright_pixel_and_its_joint_land_together():
    np.random.seed(0)
    for seed in range(10):
        results = person(seed)
        joint = results['keypoints'][0, 0].round()
        results['keypoints'][0, 0] = joint
        results['img'] = np.zeros((300, 300, 3), np.uint8)
        x, y = joint.astype(int)
        results['img'][y - 1:y + 2, x - 1:x + 2] = 255
        results.update(img_shape=(300, 300), flip_indices=list(range(17)))
        for transform in (ExtendBBox((0.05, 0.05), (0.6, 0.8)), ScaleRotateBBox(),
                          RandomFlip(prob=0.5), TopdownAffine(input_size=(192, 256))):
            results = transform.transform(results)
        light = results['img'][..., 0].astype(float)
        ys, xs = np.mgrid[:256, :192]
        found = np.array([(xs * light).sum(), (ys * light).sum()]) / light.sum()
        np.testing.assert_allclose(found, results['transformed_keypoints'][0, 0], atol=0.5)


@pytest.mark.parametrize('box', [
    [10, 10, 10, 50], [10, 10, 50, 10], [50, 10, 10, 50], [10, 10, np.nan, 50],
])
def test_boxes_without_area_name_their_image(box):
    with pytest.raises(ValueError, match='a.jpg: person box of width and height'):
        ExtendBBox().transform(dict(person(), bbox=np.array([box], np.float32)))


@pytest.mark.parametrize('make, message', [
    (lambda: ExtendBBox(fixed=(0.1,)), 'fixed'),
    (lambda: ExtendBBox(random=(-0.1, 0.1)), 'random'),
    (lambda: HalfBodyBBox(prob=2), 'prob=2'),
    (lambda: HalfBodyBBox(min_half=0), 'min_half=0'),
    (lambda: ScaleRotateBBox(scale=(1.2, 0.8)), 'scale'),
    (lambda: ScaleRotateBBox(shrink=0), 'shrink=0'),
])
def test_bad_options(make, message):
    with pytest.raises(ValueError, match=message):
        make()
