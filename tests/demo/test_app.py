"""What the demo's page shows; the page itself needs gradio."""

import base64
import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from app import HEADER, Look, build_parser, content_of
from pose_requests import RequestError

from rsn_mm.prediction.people import whole_images

from .test_pose_requests import IMAGE, LIMITS, NOISE, in_base64, predictor  # noqa: F401


def test_picture_table_and_json(predictor):  # noqa: F811
    look = Look(predictor, whole_images, False, LIMITS)
    picture, rows, text = look(base64.b64decode(IMAGE))
    expected, = predictor(NOISE)
    assert picture.shape == NOISE.shape and picture.dtype == np.uint8
    assert (picture == NOISE[..., ::-1]).mean() > 0.5  # RGB, and drawn on in places
    assert [len(row) for row in rows] == [len(HEADER)] * 17
    assert [row[1] for row in rows] == predictor.keypoint_names
    np.testing.assert_allclose([row[2:4] for row in rows], expected.keypoints[0], atol=1e-3)
    assert json.loads(text)['joints'] == predictor.keypoint_names


@pytest.mark.parametrize('data, message', [
    (None, 'there is no image: choose a file'),
    (b'', 'image is no file of a known image format'),
    (b'no image', 'image is no file of a known image format'),
    (base64.b64decode(in_base64(NOISE, cut=-40)), 'image: truncated image'),
    (bytes(LIMITS.image_bytes + 1), 'image has 100001 bytes, expected at most 100000'),
    (base64.b64decode(in_base64(np.zeros((200, 101, 3), np.uint8))), 'image has 101 x 200 pixels'),
])
def test_bad_uploads_are_messages(predictor, data, message):  # noqa: F811
    with pytest.raises(RequestError, match=message):
        Look(predictor, whole_images, False, LIMITS)(data)


def test_content_of_uploads(tmp_path):
    cv2.imwrite(str(tmp_path / 'upload.png'), NOISE)
    upload = SimpleNamespace(path=str(tmp_path / 'upload.png'))
    assert content_of(upload) == (tmp_path / 'upload.png').read_bytes()
    assert content_of(None) is None and content_of(SimpleNamespace(path=None)) is None


def test_runtimes_are_those_of_predict(capsys):
    assert build_parser().parse_args(['--runtime', 'onnxruntime']).runtime == 'onnxruntime'
    with pytest.raises(SystemExit):
        build_parser().parse_args(['--runtime', 'tensorrt'])
    assert 'tensorrt' in capsys.readouterr().err
