"""Checks of the images and boxes that a user passes in."""

import os
from collections.abc import Sequence
from numbers import Real
from pathlib import Path

import numpy as np
from torch import Tensor

from rsn_mm.datasets.checks import has_extent
from rsn_mm.errors import MissingFileError, OptionError, OptionTypeError

from .frames import Frame

#: NumPy's kinds of arrays of integers and real numbers, and what messages call others.
NUMERIC = 'iuf'
KINDS = {'U': 'strings', 'S': 'bytes', 'c': 'complex numbers', 'b': 'truth values',
         'O': 'objects', 'M': 'dates', 'm': 'durations'}

Image = str | Path | np.ndarray | Frame
#: (N, 4) x1, y1, x2, y2, or (N, 5) with a score as the last column; ``None`` is the whole image.
Boxes = np.ndarray | Tensor | Sequence | None


def as_images(images: Image | Sequence[Image]) -> list[str | np.ndarray]:
    """A list with the path or the array (H, W, 3) of each image.

    Raises:
        OptionTypeError: If an image is neither a path nor an array.
        OptionError: If an array is not (H, W, 3) uint8, or is empty.
        MissingFileError: If a file does not exist.
    """
    if isinstance(images, Image):
        images = [images]
    if not isinstance(images, Sequence):
        raise OptionTypeError(f'images: {type(images).__name__}, expected a path, an array '
                              '(H, W, 3) or a list of these')
    return [as_image(i, image) for i, image in enumerate(images)]


def as_image(index: int, image: Image) -> str | np.ndarray:
    """The path or the array (H, W, 3) of an image, see :func:`as_images`."""
    if isinstance(image, Frame):
        image = image.image
    if isinstance(image, (str, Path)):
        path = os.fspath(image)
        if '://' not in path and not os.path.isfile(path):
            raise MissingFileError(f'image {index}: {path} does not exist')
        return path
    if not isinstance(image, np.ndarray):
        raise OptionTypeError(f'image {index}: {type(image).__name__}, expected a path or an array '
                              '(H, W, 3) uint8, BGR')
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise OptionError(f'image {index}: array {image.shape} {image.dtype}, expected (H, W, 3) '
                          'uint8, BGR' + ('; give several images as a list' if image.ndim == 4
                                          else ''))
    return image


def as_boxes(boxes: Boxes | Sequence[Boxes], num_images: int) -> list[np.ndarray | None]:
    """The boxes of each image with scores, (N, 5) float32: x1, y1, x2, y2, score.

    Args:
        boxes: For each image (N, 4), (N, 5) or ``None``. For a single image, its boxes need not be
            in a list.
        num_images: Number of images.

    Raises:
        OptionError: If there is not one entry per image, or boxes have another shape, are not
            finite, or are empty.
    """
    if boxes is None:
        return [None] * num_images
    if num_images == 1 and _of_one_image(boxes):
        boxes = [boxes]
    if isinstance(boxes, (np.ndarray, Tensor)):
        boxes = list(boxes)
    if not isinstance(boxes, Sequence) or len(boxes) != num_images:
        found = len(boxes) if isinstance(boxes, Sequence) else type(boxes).__name__
        raise OptionError(f'boxes_xyxy: {found} for {num_images} images, expected one (N, 4) array '
                          'per image')
    return [as_scored_boxes(f'image {i}', each) for i, each in enumerate(boxes)]


def _of_one_image(boxes: object) -> bool:
    """Whether these are the boxes of one image (``[]`` for none) and not a list over images."""
    try:
        shape = _numbers(boxes).shape
    except (TypeError, ValueError):
        return False
    return shape == (0, ) or len(shape) == 2 and shape != (1, 0)


def _numbers(values: object) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().resolve_conj().cpu()
        values = (values.float() if values.is_floating_point() else values).numpy()
    array = np.asarray(values)
    if array.dtype.kind == 'O' and all(isinstance(each, Real) for each in array.flat):
        array = array.astype(np.float64)
    if array.size and array.dtype.kind not in NUMERIC:
        # NumPy would read numbers out of strings, and drop the imaginary part of complex ones.
        raise TypeError(f'found {KINDS.get(array.dtype.kind, array.dtype)}')
    return array.astype(np.float32)


def as_scored_boxes(image: str, boxes: Boxes) -> np.ndarray | None:
    """The boxes of an image with scores, (N, 5) float32: x1, y1, x2, y2, score.

    Args:
        image: What the image is called in messages.
        boxes: (N, 4), (N, 5) or ``None``.

    Raises:
        OptionError: If boxes have another shape, are not finite, or are empty.
    """
    if boxes is None:
        return None
    try:
        array = _numbers(boxes)
    except (TypeError, ValueError) as error:
        raise OptionError(f'{image}: boxes are not an array of numbers: {error}') from error
    if array.ndim == 1 and not array.size:  # from an empty list
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] not in (4, 5):
        raise OptionError(f'{image}: boxes of shape {array.shape}, expected (N, 4) x1, y1, '
                          'x2, y2, or (N, 5) with a score')
    if array.shape[1] == 4:
        array = np.concatenate([array, np.ones_like(array[:, :1])], axis=1)
    good = np.isfinite(array).all(1) & has_extent(array[:, :4])
    if not good.all():
        n = int(np.flatnonzero(~good)[0])
        raise OptionError(f'{image}: box {n} is {array[n].tolist()} (x1, y1, x2, y2, score), '
                          'expected finite numbers, and a width or a height above 0')
    return array


def inside(image: str, boxes: np.ndarray | None, size_wh: tuple[int, int]) -> np.ndarray:
    """The boxes of an image after a check that each overlaps it; for ``None`` the whole image.

    Args:
        image: What the image is called in messages.
        boxes: (N, 5), or ``None``.
        size_wh: Size of the image in pixels.

    Raises:
        OptionError: If a box lies outside the image.
    """
    if boxes is None:
        return np.array([[0, 0, *size_wh, 1]], dtype=np.float32)
    beside = ((boxes[:, :2] >= size_wh) | (boxes[:, 2:4] <= 0)).any(1)
    if beside.any():
        n = int(np.flatnonzero(beside)[0])
        raise OptionError(f'{image}: box {n} is {boxes[n, :4].tolist()} (x1, y1, x2, y2), '
                          f'outside the image of {size_wh[0]} x {size_wh[1]} pixels')
    return boxes
