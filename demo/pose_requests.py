"""What the demos accept from strangers, and what they answer; nothing here needs a server."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from mmengine.structures import InstanceData
from PIL import Image

from rsn_mm.apis import Predictor
from rsn_mm.datasets.transforms.loading import decode_image
from rsn_mm.errors import RsnMmError
from rsn_mm.prediction.frames import Frame
from rsn_mm.prediction.results import record_of

#: Name of the image in messages.
IMAGE = 'image'
KEYS = ('image', 'boxes')
BAD_REQUEST, TOO_LARGE, FAILED = 400, 413, 500

#: An image (H, W, 3) uint8 in BGR, and boxes (N, 4) or (N, 5), or ``None`` for the whole image.
Read = tuple[np.ndarray, np.ndarray | None]


class RequestError(ValueError):
    """A request that cannot be answered; ``status`` is that of HTTP."""

    def __init__(self, message: str, status: int = BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """How large requests may be: bytes of an image, its pixels, and number of boxes."""

    image_bytes: int = 20 * 2**20
    pixels: int = 40_000_000
    boxes: int = 100


def read_request(request: Any, limits: Limits) -> Read:
    """Read the image and the boxes of a request.

    Args:
        request: ``image``, a file in base64; and perhaps ``boxes``, a list of x1, y1, x2, y2 in
            image pixels, with or without a score. Without it the whole image is one person.
        limits: The largest that is accepted.

    Returns:
        The image (H, W, 3) uint8 in BGR, and the boxes (N, 4) or (N, 5), or ``None``.

    Raises:
        RequestError: If the request is anything else.
    """
    if not isinstance(request, dict):
        raise RequestError(f'the request is {_kind(request)}, expected an object with image and '
                           'perhaps boxes')
    unknown = [key for key in request if key not in KEYS]
    if unknown:
        raise RequestError(f'the request has {str(unknown[0])[:40]!r}, expected image and perhaps '
                           'boxes')
    return _image(request.get('image'), limits), _boxes(request.get('boxes'), limits)


def _image(text: Any, limits: Limits) -> np.ndarray:
    if not isinstance(text, str) or not text:
        raise RequestError(f'image is {_kind(text)}, expected the content of an image file in '
                           'base64')
    if len(text) * 3 // 4 > limits.image_bytes:
        raise _too_many_bytes(len(text) * 3 // 4, limits)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(f'image is not base64: {error}') from error
    return read_image(data, limits)


def read_image(data: bytes, limits: Limits) -> np.ndarray:
    """Decode an image file of a stranger.

    Args:
        data: The content of the file.
        limits: The largest that is accepted.

    Returns:
        (H, W, 3) uint8 in BGR.

    Raises:
        RequestError: If it is too large, truncated or not an image.
    """
    if len(data) > limits.image_bytes:
        raise _too_many_bytes(len(data), limits)
    try:  # the header is read before anything is decoded
        width, height = Image.open(BytesIO(data)).size
    except Image.DecompressionBombError as error:
        raise RequestError(f'image has too many pixels: {error}', TOO_LARGE) from error
    except Exception as error:  # each format has its own errors
        raise RequestError('image is no file of a known image format') from error
    if width * height > limits.pixels:
        raise RequestError(f'image has {width} x {height} pixels, expected at most '
                           f'{limits.pixels} in all', TOO_LARGE)
    try:
        return decode_image(data, IMAGE)
    except RsnMmError as error:
        raise RequestError(str(error)) from error


def _boxes(boxes: Any, limits: Limits) -> np.ndarray | None:
    if boxes is None:
        return None
    if not isinstance(boxes, list):
        raise RequestError(f'boxes is {_kind(boxes)}, expected a list of [x1, y1, x2, y2]')
    if len(boxes) > limits.boxes:
        raise RequestError(f'boxes has {len(boxes)} boxes, expected at most {limits.boxes}',
                           TOO_LARGE)
    for i, box in enumerate(boxes):
        numbers = isinstance(box, list) and len(box) in (4, 5) and all(
            isinstance(each, (int, float)) and not isinstance(each, bool) for each in box)
        if not numbers or len(box) != len(boxes[0]):
            raise RequestError(f'box {i} of boxes: expected four numbers x1, y1, x2, y2, or with a '
                               'score for all boxes')
    try:
        return np.array(boxes, np.float64).reshape(len(boxes), -1) if boxes else np.zeros((0, 4))
    except OverflowError as error:  # integers in JSON have any number of digits
        raise RequestError('boxes has a number of more than 308 digits, expected image pixels'
                           ) from error


def answers(predictor: Predictor, requests: Sequence[Read | RequestError], batch_size: int
            ) -> list[dict | RequestError]:
    """Answer requests together, so that their people share batches.

    Args:
        predictor: Finds keypoints.
        requests: What was read; of a request that could not be read, the error, which stays.
        batch_size: Number of people in a batch.

    Returns:
        For each request ``width`` and ``height`` of its image and its ``people``, as in ``.jsonl``
        files of ``rsn-mm predict``, or an error. A request never changes the answer to another.
    """
    found: list[dict | RequestError] = []
    crops = []
    for request in requests:
        try:
            if isinstance(request, RequestError):
                raise request
            crops.append(predictor.crops(*request, name=IMAGE))
            found.append({})
        except RequestError as error:
            found.append(error)
        except RsnMmError as error:
            found.append(RequestError(str(error)))
    people = iter(predictor.predict_crops(crops, batch_size))
    return [_answer(request[0], next(people)) if answer == {} else answer
            for request, answer in zip(requests, found)]


def _answer(image: np.ndarray, people: InstanceData) -> dict | RequestError:
    try:
        record = record_of(Frame(image, IMAGE), people)
    except RsnMmError as error:
        return RequestError(str(error), FAILED)
    return {key: record[key] for key in ('width', 'height', 'people')}


def _too_many_bytes(count: int, limits: Limits) -> RequestError:
    return RequestError(f'image has {count} bytes, expected at most {limits.image_bytes}',
                        TOO_LARGE)


def _kind(value: Any) -> str:
    names = {dict: 'an object', list: 'a list', str: 'a text', bool: 'true or false',
             int: 'a number', float: 'a number', type(None): 'missing or null'}
    return names.get(type(value), type(value).__name__)
