"""Finds the image files that labels name."""

from collections import defaultdict
from pathlib import Path, PurePosixPath

from PIL import Image, UnidentifiedImageError

from rsn_mm.errors import DataError

from .content import SizeWH

#: EXIF's tag of the orientation, and its values that exchange width and height.
ORIENTATION, SIDEWAYS = 0x0112, frozenset((5, 6, 7, 8))


class ImageFinder:
    """Finds images below a folder by the name that the labels have for them.

    Tools note names in their own way: with the path on another machine, with a path from another
    folder, or with backslashes. A file counts as found if its path ends with the name or, failing
    that, if it is the only one with the last part of the name.

    Args:
        root: Folder that holds the images, at any depth.
        source: The file with the labels, for messages.
    """

    def __init__(self, root: Path, source: Path) -> None:
        if not root.is_dir():
            raise DataError(f'{source}: the folder {root} for its images does not exist')
        self._root = root
        self._source = source
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, name: str) -> Path:
        """The file of an image.

        Raises:
            DataError: If there is none, or if several could be meant.
        """
        parts = PurePosixPath(name.replace('\\', '/'))
        if (self._root / parts).is_file():
            return self._root / parts
        if self._by_name is None:
            self._by_name = defaultdict(list)
            for path in sorted(self._root.rglob('*')):
                if path.is_file():
                    self._by_name[path.name].append(path)
        found = self._by_name.get(parts.name, [])
        wanted = tuple(part for part in parts.parts if part not in ('/', '..', '.'))
        found = [path for path in found if path.parts[-len(wanted):] == wanted] or found
        if not found:
            raise DataError(f'{self._source}: image {name} is not in {self._root}')
        if len(found) > 1:
            raise DataError(f'{self._source}: image {name} could be {found[0]} or {found[1]}')
        return found[0]


def size_of(path: Path) -> SizeWH:
    """Width and height of an image as OpenCV loads it, which turns it by its EXIF entry.

    Raises:
        DataError: If the file is not an image.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            sideways = image.getexif().get(ORIENTATION) in SIDEWAYS
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f'{path} is not an image: {error}') from error
    return (height, width) if sideways else (width, height)
