"""The codec against golden numbers and against slow code that follows the reference's words."""

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS
from scipy.ndimage import correlate

from rsn_mm.codecs import RSNHeatmap
from rsn_mm.codecs.gaussian import gaussian_kernel
from tests import golden

COCO = dict(input_size=(192, 256), heatmap_size=(48, 64))
SIZES = [(192, 256), (256, 256), (288, 384)]


def blur(heatmap: np.ndarray, size: int) -> np.ndarray:
    kernel = gaussian_kernel(size)
    return correlate(heatmap, np.outer(kernel, kernel), mode='mirror')


@pytest.mark.parametrize('size', range(1, 64, 2))
def test_kernels_follow_the_tables_and_the_sigma_rule(size):
    """The numbers that the golden targets were made with, whatever OpenCV is installed."""
    sixteenths = {1: [1], 3: [4, 8, 4], 5: [1, 4, 6, 4, 1],
                  7: [0.5, 1.75, 3.5, 4.5, 3.5, 1.75, 0.5]}
    if size in sixteenths:
        expected = np.array(sixteenths[size])
    elif size == 9:
        expected = np.array([4, 13, 30, 51, 60, 51, 30, 13, 4])
    else:
        sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
        expected = np.exp(-(np.arange(size) - size // 2)**2 / (2 * sigma**2))
    np.testing.assert_allclose(
        gaussian_kernel(size), expected / expected.sum(), rtol=0, atol=1e-12)


def slow_render(codec: RSNHeatmap, joints: np.ndarray, visibility: np.ndarray) -> np.ndarray:
    """One joint at a time: put it on its cell, blur, scale the maximum to 255."""
    (w_in, h_in), (w, h) = codec.input_size, codec.heatmap_size
    heatmaps = np.zeros((len(codec.kernel_sizes), len(joints), h, w))
    for level, size in enumerate(codec.kernel_sizes):
        for k, (x, y) in enumerate(joints):
            if visibility[k] > 0 and 0 <= x <= w_in - 1 and 0 <= y <= h_in - 1:
                delta = np.zeros((h, w))
                delta[int(y * h / h_in), int(x * w / w_in)] = 1
                blurred = blur(delta, size)
                heatmaps[level, k] = blurred / blurred.max() * 255
    return heatmaps


def slow_decode(codec: RSNHeatmap, heatmaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One map at a time: border, blur, two maxima, quarter cell, clamp."""
    joints, scores = [], []
    for heatmap in heatmaps.astype(np.float64):
        h, w = heatmap.shape
        padded = blur(np.pad(heatmap, 10), codec.blur_kernel_size)
        y, x = np.array(np.unravel_index(padded.argmax(), padded.shape))
        padded[y, x] = 0
        y2, x2 = np.unravel_index(padded.argmax(), padded.shape)
        step = np.array([x2 - x, y2 - y], dtype=float)
        length = np.linalg.norm(step)
        cell = np.array([x - 10, y - 10]) + (0.25 * step / length if length > 1e-3 else 0)
        cell = np.clip(cell, 0, [w - 1, h - 1])
        joints.append(cell * 4 + 2)
        scores.append(heatmap[round(cell[1]), round(cell[0])] / 255 + 0.5)
    return np.array(joints), np.array(scores)


def random_pose(codec: RSNHeatmap, joints: int, rng: np.random.Generator):
    """Joints inside and a little outside the input, among them corners; flags 0, 1, 2."""
    size = np.array(codec.input_size)
    xy = rng.uniform(-0.1, 1.1, (joints, 2)) * size
    xy[:4] = [[0, 0], size - 1, [0, size[1] - 0.01], size]
    return xy, rng.integers(0, 3, joints).astype(np.float32)


def test_render_equals_the_released_targets():
    data = golden.load('encode')
    heatmaps = RSNHeatmap(**COCO).render(data['joints'], data['visibility'])
    assert heatmaps.dtype == np.float32
    np.testing.assert_allclose(heatmaps, data['heatmaps'], atol=1e-3)


@pytest.mark.parametrize('input_size', SIZES)
def test_render_equals_the_slow_reference(input_size):
    codec = RSNHeatmap(input_size)
    rng = np.random.default_rng(0)
    xy, flags = random_pose(codec, 16, rng)
    flags[:3] = 2
    np.testing.assert_allclose(
        codec.render(xy[None], flags[None])[0], slow_render(codec, xy, flags), atol=1e-3)


def test_largest_value_is_255_also_where_it_is_not_at_the_joint():
    codec = RSNHeatmap(**COCO)
    heatmap = codec.render(np.array([[[5., 5.]]]), np.array([[2.]]))[0, 0, 0]
    assert heatmap.max() == pytest.approx(255, abs=1e-4)
    assert heatmap[1, 1] < 250  # reflection piles up beside the joint's own cell


def test_render_stays_on_the_kind_and_device_of_its_input():
    codec = RSNHeatmap(**COCO)
    joints = torch.rand(2, 17, 2) * 190
    assert isinstance(codec.render(joints, torch.ones(2, 17)), torch.Tensor)
    assert codec.render(joints.to('meta'), torch.ones(2, 17, device='meta')).device.type == 'meta'
    np.testing.assert_array_equal(
        codec.render(joints.numpy(), np.ones((2, 17))), codec.render(joints, torch.ones(2, 17)))


@pytest.mark.parametrize('xy, kept', [
    ((191, 255), True), ((191.01, 255), False), ((191, 255.01), False), ((0, 0), True),
    ((-0.01, 0), False),
])
def test_a_joint_beyond_size_minus_one_loses_its_flag(xy, kept):
    encoded = RSNHeatmap(**COCO).encode(
        np.array(xy, np.float32)[None, None], np.full((1, 1), 2.))
    assert encoded['keypoint_flags'][0, 0] == 2 * kept


def test_joints_just_inside_a_border_stay_in_their_cell():
    codec = RSNHeatmap(**COCO)
    joints = np.nextafter([[[192., 256.], [48., 64.]]], 0)
    heatmaps = codec.render(joints, np.full((1, 2), 2))[0, -1]
    peaks = [np.unravel_index(h.argmax(), h.shape)[::-1] for h in heatmaps]
    cells = codec.encode(joints)['keypoint_cells']
    np.testing.assert_array_equal(cells, [[[47, 63], [11, 15]]])
    np.testing.assert_array_equal(peaks[1], (11, 15))


def test_decoding_in_inference_mode_leaves_the_codec_differentiable():
    codec = RSNHeatmap(**COCO)
    heatmaps = torch.rand(1, 17, 64, 48)
    with torch.inference_mode():
        codec.locate(heatmaps)
    codec.locate(heatmaps.requires_grad_())[1].sum().backward()
    assert heatmaps.grad.abs().sum() > 0


def test_encode_and_render_of_its_cells_agree():
    codec = RSNHeatmap(**COCO)
    xy, flags = random_pose(codec, 17, np.random.default_rng(1))
    encoded = codec.encode(xy[None].astype(np.float32), flags[None])
    assert sum(value.nbytes for value in encoded.values()) < 300
    cells, visibility = (torch.from_numpy(encoded[k])
                         for k in ('keypoint_cells', 'keypoint_flags'))
    outside = ~((xy >= 0) & (xy <= np.array(codec.input_size) - 1)).all(-1)
    np.testing.assert_array_equal(visibility[0], np.where(outside, 0, flags))
    np.testing.assert_array_equal(
        codec.render_cells(cells, visibility), codec.render(xy[None], flags[None]))


def test_encode_for_heads_of_mmpose():
    xy, flags = random_pose(RSNHeatmap(**COCO), 17, np.random.default_rng(2))
    all_levels = RSNHeatmap(**COCO, targets='heatmaps').encode(xy[None], flags[None])
    finest = RSNHeatmap(**COCO, targets='heatmap').encode(xy[None], flags[None])
    expected = RSNHeatmap(**COCO).render(xy[None], flags[None])[0]
    np.testing.assert_array_equal(np.stack(all_levels['heatmaps']), expected)
    np.testing.assert_array_equal(finest['heatmaps'], expected[-1])
    assert set(np.unique(finest['keypoint_weights'])) == {0, 1}
    assert len(all_levels['keypoint_weights']) == 5
    with pytest.raises(ValueError, match='2 instances'):
        RSNHeatmap(**COCO, targets='heatmap').encode(np.zeros((2, 17, 2)), np.ones((2, 17)))


def test_decode_equals_the_released_results():
    data = golden.load('decode')
    codec = RSNHeatmap(**COCO, blur_kernel_size=int(data['kernel']))
    for i in range(2):
        keypoints, scores = codec.decode(data['heatmaps'][i])
        assert keypoints.shape == (1, 17, 2) and scores.shape == (1, 17)
        scale = data['scales'][i]
        in_image = keypoints[0] / codec.input_size * scale + data['centers'][i] - scale / 2
        np.testing.assert_allclose(in_image, data['keypoints'][i], atol=1e-3)
        np.testing.assert_allclose(scores[0], data['scores'][i], atol=1e-5)


@pytest.mark.parametrize('input_size', SIZES)
@pytest.mark.parametrize('blur_kernel_size', [5, 9])
def test_decode_equals_the_slow_reference(input_size, blur_kernel_size):
    codec = RSNHeatmap(input_size, blur_kernel_size=blur_kernel_size)
    rng = np.random.default_rng(3)
    xy, _ = random_pose(codec, 16, rng)
    heatmaps = codec.render(xy[None], np.full((1, 16), 2))[0, -1]
    heatmaps = (heatmaps + rng.normal(0, 20, heatmaps.shape)).astype(np.float32)
    heatmaps[-1] -= 300  # nothing above zero: the border wins
    keypoints, scores = codec.decode(heatmaps)
    expected = slow_decode(codec, heatmaps)
    np.testing.assert_allclose(keypoints[0], expected[0], atol=1e-3)
    np.testing.assert_allclose(scores[0], expected[1], atol=1e-5)


def test_decode_of_targets_equals_the_slow_reference():
    """Their neighbors are equal, so that the order decides in which direction a joint moves."""
    codec = RSNHeatmap(**COCO)
    xy = np.random.default_rng(0).uniform(0, 1, (100, 2)) * codec.input_size
    heatmaps = codec.render(xy[None], np.full((1, 100), 2))[0, -1]
    keypoints, _ = codec.decode(heatmaps)
    np.testing.assert_allclose(keypoints[0], slow_decode(codec, heatmaps)[0], atol=1e-3)


def test_a_batch_decodes_as_its_samples_do():
    codec = RSNHeatmap(**COCO)
    heatmaps = torch.rand(3, 17, 64, 48, generator=torch.Generator().manual_seed(0)) * 255
    keypoints, scores = codec.batch_decode(heatmaps)
    assert codec.support_batch_decoding
    for i in range(3):
        expected = codec.decode(heatmaps[i].numpy())
        np.testing.assert_array_equal(keypoints[i], expected[0])
        np.testing.assert_array_equal(scores[i], expected[1])


def test_mixed_precision_does_not_reach_the_decoding():
    codec = RSNHeatmap(**COCO)
    heatmaps = torch.rand(1, 17, 64, 48, generator=torch.Generator().manual_seed(1)) * 255
    with torch.autocast('cpu', dtype=torch.bfloat16):
        keypoints, _ = codec.locate(heatmaps)
    torch.testing.assert_close(keypoints, codec.locate(heatmaps)[0], rtol=0, atol=0)


def test_decode_undoes_render_to_half_a_cell_and_the_shift():
    codec = RSNHeatmap(**COCO)
    joints = np.random.default_rng(4).uniform(8, 180, (1, 17, 2))
    keypoints, _ = codec.decode(codec.render(joints, np.full((1, 17), 2))[0, -1])
    # Half a cell from truncation, and a quarter cell towards one of equal neighbors.
    assert np.abs(keypoints - joints).max() <= 0.75 * codec.stride


def test_the_registry_builds_it():
    assert isinstance(
        KEYPOINT_CODECS.build(dict(type='rsn_mm.RSNHeatmap', **COCO)), RSNHeatmap)


@pytest.mark.parametrize('arguments, message', [
    (dict(input_size=(192, 256), heatmap_size=(48, 60)), 'strides 4 in x and 4.26667 in y'),
    (dict(input_size=(190, 256)), 'multiples of 4'),
    (dict(input_size=(198, 198)), 'multiples of 4'),
    (dict(input_size=192), 'input_size'),
    (dict(input_size=(192, 256, 3)), 'input_size'),
    (dict(COCO, kernel_sizes=(15, 10)), 'kernel size 10'),
    (dict(COCO, kernel_sizes=()), 'kernel_sizes is empty'),
    (dict(COCO, blur_kernel_size=4), 'kernel size 4'),
    (dict(COCO, blur_kernel_size=23), 'blur_kernel_size=23, expected at most 21'),
    (dict(COCO, targets='maps'), "targets='maps'"),
])
def test_bad_options(arguments, message):
    with pytest.raises(ValueError, match=message):
        RSNHeatmap(**arguments)


def test_heatmaps_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r'expected \(64, 48\)'):
        RSNHeatmap(**COCO).decode(np.zeros((17, 48, 64), np.float32))
