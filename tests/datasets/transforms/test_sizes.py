"""Several input sizes of one box, each as if it were the only one."""

import numpy as np
import pytest
import torch
from mmpose.datasets.transforms import PackPoseInputs, TopdownAffine

from rsn_mm.datasets.transforms import PackInputSizes


def sample():
    rng = np.random.default_rng(0)
    return dict(
        img=rng.integers(0, 255, (90, 120, 3), dtype=np.uint8), img_path='drawn.png', id=1,
        bbox=np.array([[30, 20, 70, 80]], np.float32), bbox_score=np.ones(1, np.float32),
        bbox_center=np.array([[50, 50]], np.float32), bbox_scale=np.array([[40, 60]], np.float32),
        keypoints=np.full((1, 17, 2), 50, np.float32), keypoints_visible=np.ones((1, 17)))


SIZES = [(72, 96), (48, 64), (36, 48)]


def test_each_size_is_what_it_is_alone():
    packed = PackInputSizes(SIZES)(sample())
    assert list(packed['inputs']) == SIZES
    for size in SIZES:
        alone = PackPoseInputs()(TopdownAffine(size)(sample()))
        assert packed['inputs'][size].shape == (3, size[1], size[0])
        assert torch.equal(packed['inputs'][size], alone['inputs'])
        for name in ('input_center', 'input_scale'):
            np.testing.assert_array_equal(packed['data_samples'].metainfo[name],
                                          alone['data_samples'].metainfo[name])
    assert packed['data_samples'].metainfo['input_size'] == SIZES[0]


def test_the_sample_is_left_as_it_was():
    before, given = sample(), sample()
    PackInputSizes(SIZES)(given)
    assert given.keys() == before.keys()
    for key, value in before.items():
        np.testing.assert_array_equal(given[key], value)


@pytest.mark.parametrize('sizes, message', [
    ([], r'input_sizes=\[\], expected a list of \(width, height\)'),
    ([(48, 64, 3)], 'expected a list of'),
    ([(0, 64)], 'expected a list of'),
    ([(48, 64), [48, 64]], 'has a size twice'),
    ([(48, 64), (64, 64)], 'different aspect ratios'),
])
def test_sizes_that_make_no_sense(sizes, message):
    with pytest.raises(ValueError, match=message):
        PackInputSizes(sizes)
