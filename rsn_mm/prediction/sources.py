"""Where images come from: files, folders, patterns, and lists of these."""

import logging
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from glob import glob, has_magic
from io import BytesIO
from pathlib import Path

from PIL import Image

from rsn_mm.datasets.transforms.loading import decode_image
from rsn_mm.errors import DataError, MissingFileError

from .frames import Frame

logger = logging.getLogger(__name__)

#: Endings of the files in a folder that are taken for images.
IMAGE_ENDINGS = ('.avif', '.bmp', '.gif', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')
#: Stands for a list of paths in a stream of text.
LIST = '-'


@dataclass(frozen=True)
class Input:
    """A file that holds an image.

    Args:
        name: Its path, as given or as found.
        short: Its path below the folder that was given, or the name of the file.
    """

    name: str
    short: str


def find_inputs(arguments: Iterable[str], lines: Iterable[str] = (),
                leave_out: Collection[Path] = ()) -> Iterator[Input]:
    """Find files one after the other, those of a folder in the order of their names.

    Args:
        arguments: Paths of files and folders, patterns such as ``'photos/*.jpg'``, and ``'-'`` for
            the paths in ``lines``.
        lines: Paths of files, one a line.
        leave_out: Folders whose files are not taken, absolute.

    Raises:
        MissingFileError: If nothing has such a name. Files are only looked for when they are read.
        DataError: If a folder has no images.
    """
    for argument in arguments:
        if argument == LIST:
            for line in lines:
                if name := line.strip('\r\n'):
                    yield Input(name, os.path.basename(name))
        elif os.path.isdir(argument):
            yield from _of_folder(argument, leave_out)
        elif has_magic(argument) and not os.path.exists(argument):
            yield from _of_pattern(argument, leave_out)
        else:
            yield Input(argument, os.path.basename(argument))


def _of_folder(folder: str, leave_out: Collection[Path]) -> Iterator[Input]:
    empty = True
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders
                            if Path(parent, name).resolve() not in leave_out)
        for file in sorted(files):
            if file.lower().endswith(IMAGE_ENDINGS):
                empty = False
                path = os.path.join(parent, file)
                yield Input(path, os.path.relpath(path, folder))
    if empty:
        raise DataError(f'{folder}: the folder has no images ({", ".join(IMAGE_ENDINGS)})')


def _of_pattern(pattern: str, leave_out: Collection[Path]) -> Iterator[Input]:
    files = [path for path in sorted(glob(pattern, recursive=True))
             if os.path.isfile(path) and not set(Path(path).resolve().parents) & set(leave_out)]
    if not files:
        raise MissingFileError(f'{pattern}: no file matches the pattern')
    for path in files:
        yield Input(path, os.path.basename(path))


def read_frame(source: Input) -> Frame:
    """Read the image of an input.

    The image is turned as its EXIF entry says. Of an animated image it is the first picture, which
    a warning says.

    Raises:
        MissingFileError: If the file does not exist.
        DataError: If it cannot be read, or is not an image. The message names it.
    """
    return frame_of(read_bytes(source.name), source.name)


def read_bytes(name: str) -> bytes:
    """Read a file; raises the errors of :func:`read_frame`."""
    try:
        return Path(name).read_bytes()
    except FileNotFoundError as error:
        raise MissingFileError(f'{name} does not exist') from error
    except (OSError, ValueError) as error:  # a name with a NUL character is a ValueError
        reason = getattr(error, 'strerror', None) or error
        raise DataError(f'{name} cannot be read: {reason}') from error


def frame_of(data: bytes, name: str) -> Frame:
    """Decode the bytes of an image file, see :func:`read_frame`.

    Args:
        data: The content of the file.
        name: What the image is called.

    Raises:
        DataError: If it is not an image.
    """
    image = decode_image(data, name)
    count = _count_pictures(data)
    if count > 1:
        logger.warning('%s holds %d pictures; only the first is used', name, count)
    return Frame(image, name)


def _count_pictures(data: bytes) -> int:
    """The number of pictures in an image file; JPEG files have one."""
    if data.startswith(b'\xff\xd8'):
        return 1
    try:
        return getattr(Image.open(BytesIO(data)), 'n_frames', 1)
    except Exception:  # what Pillow cannot read has been read by OpenCV
        return 1
