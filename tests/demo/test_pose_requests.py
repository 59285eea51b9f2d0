"""Requests to the demo's server: what is read, refused and answered."""

import base64
import json

import cv2
import numpy as np
import pytest
from pose_requests import Limits, RequestError, answers, read_request

from rsn_mm.apis import Predictor
from tests.tools.tiny_run import write_run, write_weights

LIMITS = Limits(image_bytes=100_000, pixels=20_000, boxes=3)
NOISE = np.random.default_rng(0).integers(0, 255, (80, 100, 3), dtype=np.uint8)


def in_base64(image, ending='.png', cut=None):
    return base64.b64encode(cv2.imencode(ending, image)[1].tobytes()[:cut]).decode()


IMAGE = in_base64(NOISE)


@pytest.fixture(scope='module')
def predictor(tmp_path_factory):
    folder = tmp_path_factory.mktemp('serve')
    write_weights(write_run(folder))
    return Predictor(folder / 'tiny.py', folder / 'tiny.pth', 'cpu')


def test_what_is_read():
    image, boxes = read_request(dict(image=IMAGE, boxes=[[1, 2, 30, 40.5]]), LIMITS)
    np.testing.assert_array_equal(image, NOISE)
    np.testing.assert_array_equal(boxes, [[1, 2, 30, 40.5]])
    assert read_request(dict(image=IMAGE), LIMITS)[1] is None
    assert read_request(dict(image=IMAGE, boxes=[]), LIMITS)[1].shape == (0, 4)


@pytest.mark.parametrize('request_, status, message', [
    ([IMAGE], 400, 'the request is a list, expected an object'),
    ('text', 400, 'the request is a text'),
    (None, 400, 'the request is missing or null'),
    (dict(image=IMAGE, path='/etc/passwd'), 400, "the request has 'path', expected image"),
    (dict(boxes=[]), 400, 'image is missing or null'),
    (dict(image=''), 400, 'image is a text, expected the content'),
    (dict(image=5), 400, 'image is a number'),
    (dict(image=['a']), 400, 'image is a list'),
    (dict(image='/etc/passwd'), 400, 'image is no file of a known image format|not base64'),
    (dict(image='data:image/png;base64,' + IMAGE), 400, 'image is not base64'),
    (dict(image=IMAGE[:-3]), 400, 'image is not base64'),
    (dict(image=base64.b64encode(b'no image').decode()), 400, 'image is no file of a known'),
    (dict(image=in_base64(NOISE, cut=-40)), 400, 'image: truncated image'),
    (dict(image=in_base64(NOISE, '.jpg', cut=-400)), 400, 'image: truncated image'),
    (dict(image='A' * 200_000), 413, 'image has 150000 bytes, expected at most 100000'),
    (dict(image=in_base64(np.zeros((200, 101, 3), np.uint8))), 413, 'image has 101 x 200 pixels'),
    (dict(image=IMAGE, boxes={}), 400, 'boxes is an object, expected a list'),
    (dict(image=IMAGE, boxes='all'), 400, 'boxes is a text'),
    (dict(image=IMAGE, boxes=True), 400, 'boxes is true or false'),
    (dict(image=IMAGE, boxes=[[1, 2, 3]]), 400, 'box 0 of boxes: expected four numbers'),
    (dict(image=IMAGE, boxes=[1, 2, 3]), 400, 'box 0 of boxes'),
    (dict(image=IMAGE, boxes=[[1, 2, 3, 4], [1, 2, 3, 4, 5]]), 400, 'box 1 of boxes'),
    (dict(image=IMAGE, boxes=[[1, 2, 3, '4']]), 400, 'box 0 of boxes'),
    (dict(image=IMAGE, boxes=[[1, 2, 3, None]]), 400, 'box 0 of boxes'),
    (dict(image=IMAGE, boxes=[[1, 2, 3, True]]), 400, 'box 0 of boxes'),
    (dict(image=IMAGE, boxes=[[10**400, 2, 3, 4]]), 400, 'boxes has a number of more than 308'),
    (dict(image=IMAGE, boxes=[[1, 2, 3, 4]] * 4), 413, 'boxes has 4 boxes, expected at most 3'),
])
def test_what_is_refused(request_, status, message):
    with pytest.raises(RequestError, match=message) as error:
        read_request(request_, LIMITS)
    assert error.value.status == status


@pytest.mark.parametrize('box, message', [
    ([float('nan'), 2, 30, 40], 'finite|NaN'), ([1e400, 2, 30, 40], 'finite|inf'),
    ([30, 2, 1, 40], 'area|x1'), ([500, 2, 600, 40], 'outside'),
])
def test_boxes_that_cannot_be_used_fail_their_own_request_only(predictor, box, message):
    good = read_request(dict(image=IMAGE, boxes=[[5, 5, 60, 70]]), LIMITS)
    bad = read_request(dict(image=IMAGE, boxes=[box]), LIMITS)
    refused = RequestError('no image', 413)
    alone, = answers(predictor, [good], 4)
    found = answers(predictor, [good, bad, refused, good], 4)
    assert found[0] == found[3] == alone and found[2] is refused
    assert isinstance(found[1], RequestError) and found[1].status == 400
    assert any(word in str(found[1]) for word in message.split('|')), found[1]


def test_answers_are_the_predictors(predictor):
    boxes = [[5, 5, 60, 70], [20, 10, 90, 75]]
    requests = [read_request(dict(image=IMAGE, boxes=some), LIMITS)
                for some in (boxes, [], boxes[:1], None)]
    found = json.loads(json.dumps(answers(predictor, requests, 2)))
    assert [len(each['people']) for each in found] == [2, 0, 1, 1]
    expected, = predictor(NOISE, boxes)
    np.testing.assert_allclose([person['keypoints'] for person in found[0]['people']],
                               np.concatenate([expected.keypoints,
                                               expected.keypoint_scores[..., None]], 2), atol=1e-3)
    assert (found[0]['width'], found[0]['height']) == (100, 80)
    assert found[3]['people'][0]['box'] == [0, 0, 100, 80]
