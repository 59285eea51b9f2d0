"""Loads images, and refuses truncated ones."""

import warnings

import cv2
import mmcv
import mmengine.fileio as fileio
import mmpose.datasets.transforms as mmpose_transforms
import numpy as np

from rsn_mm.errors import DataError, OptionError
from rsn_mm.registry import TRANSFORMS

from .decoder_warnings import decoder_warnings

JPEG_START, JPEG_SCAN, JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'
PNG_START, PNG_END = b'\x89PNG', b'IEND'


def is_truncated(data: bytes) -> bool:
    """Whether the bytes of a JPEG or PNG file stop before the format's end marker.

    OpenCV decodes such a file without an error and fills the missing part with gray. In a JPEG file
    the marker is searched after the last scan, because a thumbnail in the header has a marker of
    its own. Bytes after the marker are allowed.
    """
    if data.startswith(JPEG_START):
        return data.rfind(JPEG_END) < data.rfind(JPEG_SCAN)
    if data.startswith(PNG_START):
        return PNG_END not in data[-64:]
    return False


def decode_image(data: bytes, path: str, flag: str = 'color',
                 backend: str | None = None) -> np.ndarray:
    """Decode the bytes of an image file, turned as the file's EXIF entry says.

    Args:
        data: The file's content.
        path: The file, for messages.
        flag: ``flag`` of ``mmcv.imfrombytes``; ``'color'`` gives (H, W, 3) uint8 in BGR of gray,
            transparent, CMYK and 16-bit images too.
        backend: ``backend`` of ``mmcv.imfrombytes``.

    A damage that the decoder reports and decodes all the same is a warning with the path.

    Raises:
        DataError: If the file is empty, truncated or not an image.
    """
    if not data:
        raise DataError(f'{path}: the file is empty')
    if is_truncated(data):
        raise DataError(f'{path}: truncated image of {len(data)} bytes; fetch the file again')
    try:
        with decoder_warnings() as damage:
            img = mmcv.imfrombytes(data, flag=flag, backend=backend)
    except cv2.error as error:
        raise DataError(f'{path}: cannot be decoded ({error.err or error})') from error
    said = f' ({"; ".join(damage)})' if damage else ''
    if img is None:
        raise DataError(f'{path}: {len(data)} bytes that are not an image{said}')
    if damage:
        warnings.warn(f'{path}: the image is damaged, and parts of it may be gray or '
                      f'shifted{said}', stacklevel=2)
    return img


@TRANSFORMS.register_module()
class LoadImage(mmpose_transforms.LoadImage):
    """MMPose's ``LoadImage``, which also refuses truncated and unreadable files.

    Arguments, required keys and added keys are those of MMPose's transform, except for
    ``ignore_empty``.

    Raises:
        FileNotFoundError: If the file does not exist.
        DataError: If the file is truncated or not an image.

    Example:
        >>> import mmcv
        >>> load = rsn_mm.datasets.transforms.LoadImage()
        >>> _ = mmcv.imwrite(np.zeros((90, 120, 3), np.uint8), 'whole.png')
        >>> load(dict(img_path='whole.png'))['img_shape']  # height, width
        (90, 120)
        >>> np.fromfile('whole.png', np.uint8)[:-20].tofile('cut.png')
        >>> load(dict(img_path='cut.png'))
        Traceback (most recent call last):
        rsn_mm.errors.DataError: cut.png: truncated image of ... bytes; fetch the file again
    """

    def __init__(self, **kwargs) -> None:
        if kwargs.get('ignore_empty'):
            raise OptionError('LoadImage: ignore_empty=True, but images that cannot be read are '
                              'refused here; leave it out')
        super().__init__(**kwargs)

    def transform(self, results: dict) -> dict:
        if 'img' in results:
            return super().transform(results)
        path = results['img_path']
        data = fileio.get(path, backend_args=self.backend_args)
        img = decode_image(data, path, self.color_type, self.imdecode_backend)
        if self.to_float32:
            img = img.astype(np.float32)
        results['img'] = img
        results['img_shape'] = results['ori_shape'] = img.shape[:2]
        return results
