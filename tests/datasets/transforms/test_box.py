"""Boxes: golden test-time boxes, the ranges of the augmentation, geometry through the affine."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.datasets.transforms import RandomFlip, TopdownAffine
from mmpose.structures.bbox import bbox_xywh2xyxy, get_warp_matrix

from rsn_mm.datasets.transforms import ExtendBBox, HalfBodyBBox, ScaleRotateBBox
from tests import golden

ROOT = Path(__file__).parents[3]
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


def test_extension_starts_from_a_given_center_and_scale():
    results = ExtendBBox(fixed=(0.25, 0.25)).transform(dict(
        person(), bbox_center=np.array([[7., 8.]]), bbox_scale=np.array([[100., 100.]])))
    np.testing.assert_array_equal(results['bbox_center'], [[7, 8]])
    np.testing.assert_array_equal(results['bbox_scale'], [[125, 125]])


@pytest.mark.parametrize('config', ['coco_256x192', 'mpii_256x256'])
def test_half_body_boxes_equal_the_released_ones(config, monkeypatch):
    cfg = Config.fromfile(ROOT / 'configs' / '_base_' / f'{config}.py')
    settings, = (t for t in cfg.train_dataloader.dataset.pipeline
                 if t.type == 'rsn_mm.HalfBodyBBox')
    options = {key: value for key, value in settings.items() if key != 'type'}
    # The draws are given, and the golden persons are not filtered by their number of joints.
    transform = HalfBodyBBox(**{**options, 'prob': 1, 'min_labeled': 0})
    name = config[:4]
    data = {key.removeprefix(f'{name}_'): value for key, value in golden.load('half_body').items()
            if key.startswith(name)}
    meta = parse_pose_metainfo(dict(from_file=f'configs/_base_/datasets/{name}.py'))
    width, height = cfg.codec.input_size
    for i in range(len(data['joints'])):
        monkeypatch.setattr(np.random, 'randn', lambda: data['normal'][i])  # noqa: B023
        monkeypatch.setattr(
            np.random, 'rand', lambda *n: data['rand_wh'][i] if n else 0.)  # noqa: B023
        results = transform.transform(dict(
            keypoints=data['joints'][i][None], keypoints_visible=data['visibility'][i][None],
            upper_body_ids=meta['upper_body_ids'], bbox_center=np.full((1, 2), np.nan),
            bbox_scale=np.full((1, 2), np.nan)))
        np.testing.assert_allclose(results['bbox_center'][0], data['center'][i], atol=1e-3)
        grown = TopdownAffine._fix_aspect_ratio(results['bbox_scale'], width / height)
        np.testing.assert_allclose(grown[0], data['size_wh'][i], atol=1e-3)
    assert np.isnan(data['center']).any() and not np.isnan(data['center']).all()


def middle(joints: np.ndarray) -> np.ndarray:
    return (joints.min(0) + joints.max(0)) / 2


def test_the_upper_half_is_taken_with_the_probability_of_a_normal_draw_below_a_half():
    joints = person()['keypoints'][0]
    counts = dict(upper=0, lower=0, whole=0)
    middles = dict(upper=middle(joints[:13]), lower=middle(joints[13:]))
    start = dict(bbox_center=np.array([[140., 150.]], np.float32),
                 bbox_scale=np.array([[80., 200.]], np.float32))
    ratios = []
    for results in repeat(HalfBodyBBox(prob=0.3, extension=(0.6, 0.8), upper_body_ids=range(13)),
                          times=6000, **start):
        center = results['bbox_center'][0]
        kind = next((n for n, c in middles.items() if np.allclose(c, center)), 'whole')
        counts[kind] += 1
        if kind == 'upper':
            ratios.append(results['bbox_scale'][0] / np.ptp(joints[:13], axis=0))
    # 0.3 * P(n < 0.5) = 0.3 * 0.6915 of 6,000; four standard deviations.
    assert counts['upper'] == pytest.approx(1245, abs=126)
    assert counts['lower'] == pytest.approx(555, abs=90)
    np.testing.assert_allclose(np.max(ratios, axis=0), [1.6, 1.8], atol=0.03)
    np.testing.assert_allclose(np.min(ratios, axis=0), [1, 1], atol=0.03)


@pytest.mark.parametrize('labeled, min_labeled, kinds', [
    (range(3), 3, {'whole'}),  # not more than three
    (range(4), 3, {'upper'}),  # four, all of the upper half
    ([0, 1, 11, 12], 3, {'whole'}),  # neither half has three
    ([0, 1, 2, 11, 12], 3, {'upper'}),  # neither has more than three: the upper one has three
    ([0, 1, 2, 11, 12, 13, 14], 3, {'lower'}),  # the lower one alone has more than three
    (range(15), 3, {'upper', 'lower'}),
    (range(8), 8, {'whole'}),
    (range(9), 8, {'upper'}),
])
def test_half_body_needs_enough_labeled_joints(labeled, min_labeled, kinds):
    flags = np.zeros((1, 17), np.float32)
    flags[0, list(labeled)] = 1
    joints = person()['keypoints'][0]
    start = dict(bbox_center=np.zeros((1, 2)), bbox_scale=np.ones((1, 2)))
    centers = {'whole': np.zeros(2)}
    for kind, ids in (('upper', UPPER), ('lower', LOWER)):
        taken = [i for i in ids if i in labeled]
        if taken and kind in kinds:
            centers[kind] = middle(joints[taken])
    found = {next(k for k, c in centers.items() if np.allclose(c, r['bbox_center'][0]))
             for r in repeat(HalfBodyBBox(prob=1., min_labeled=min_labeled), 50,
                             keypoints_visible=flags, **start)}
    assert found == kinds


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
    [10, 10, 10, 10], [50, 10, 10, 50], [10, 50, 50, 10], [10, 10, np.nan, 50],
])
def test_empty_boxes_name_their_image(box):
    with pytest.raises(ValueError, match='a.jpg: person box of width and height'):
        ExtendBBox().transform(dict(person(), bbox=np.array([box], np.float32)))


@pytest.mark.parametrize('box, size_wh', [
    ([10, 10, 10, 50], [40 * 1.135 * 192 / 256, 40 * 1.135]),
    ([10, 10, 50, 10], [40 * 1.09, 40 * 1.09 * 256 / 192]),
])
def test_a_box_without_width_or_height_grows_to_the_aspect_ratio(box, size_wh):
    with pytest.warns(UserWarning, match='a.jpg: person box .* grows'):
        results = ExtendBBox(fixed=(0.09, 0.135)).transform(
            dict(person(), bbox=np.array([box], np.float32)))
    results['img'] = np.zeros((60, 60, 3), np.uint8)
    results = TopdownAffine(input_size=(192, 256)).transform(results)
    np.testing.assert_allclose(results['input_scale'], size_wh, rtol=1e-6)
    assert np.isfinite(results['transformed_keypoints']).all()


@pytest.mark.parametrize('make, message', [
    (lambda: ExtendBBox(fixed=(0.1,)), 'fixed'),
    (lambda: ExtendBBox(random=(-0.1, 0.1)), 'random'),
    (lambda: HalfBodyBBox(prob=2), 'prob=2'),
    (lambda: ScaleRotateBBox(scale=(1.2, 0.8)), 'scale'),
    (lambda: ScaleRotateBBox(shrink=0), 'shrink=0'),
])
def test_bad_options(make, message):
    with pytest.raises(ValueError, match=message):
        make()
