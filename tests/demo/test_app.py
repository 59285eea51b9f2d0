"""What the demo's page shows; the page itself needs gradio."""

import json

import numpy as np
import pytest

from demo.app import HEADER, Look
from rsn_mm.errors import RsnMmError
from rsn_mm.prediction.people import whole_images

from .test_pose_requests import NOISE, predictor  # noqa: F401


def test_picture_table_and_json(predictor):  # noqa: F811
    picture, rows, text = Look(predictor, whole_images, False)(NOISE[..., ::-1])
    expected, = predictor(NOISE)
    assert picture.shape == NOISE.shape and picture.dtype == np.uint8
    assert [len(row) for row in rows] == [len(HEADER)] * 17
    assert [row[1] for row in rows] == predictor.keypoint_names
    np.testing.assert_allclose([row[2:4] for row in rows], expected.keypoints[0], atol=1e-3)
    assert json.loads(text)['joints'] == predictor.keypoint_names


def test_no_image_is_a_message(predictor):  # noqa: F811
    with pytest.raises(RsnMmError, match='there is no image'):
        Look(predictor, whole_images, False)(None)
