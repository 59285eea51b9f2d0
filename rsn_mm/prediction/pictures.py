"""Where the pictures of a run go: one file per image, named after it."""

import os
from collections import Counter
from pathlib import Path

import numpy as np

from rsn_mm.errors import OutputError
from rsn_mm.files import write_picture

from .sources import Input

#: Endings that a picture keeps; others get the first of these in addition.
ENDINGS = ('.jpg', '.jpeg', '.png')


class PictureNames:
    """Gives each input the path of its picture below a folder.

    Inputs of the same name get numbers, in their order, so every run gives the same names.

    Example:
        >>> names = PictureNames()
        >>> names(Input('a/1.jpg', '1.jpg')), names(Input('b/1.jpg', '1.jpg'))
        ('1.jpg', '1-2.jpg')
        >>> names(Input('photos/b/1.gif', 'b/1.gif'))
        'b/1.gif.jpg'
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, source: Input) -> str:
        """The path below the folder."""
        name = source.short
        if not name.lower().endswith(ENDINGS):
            name += ENDINGS[0]
        self._seen[name] += 1
        if self._seen[name] > 1:
            stem, ending = os.path.splitext(name)
            name = f'{stem}-{self._seen[name]}{ending}'
        return name


def write_picture_of(path: Path, image: np.ndarray, source: str) -> None:
    """Write the picture made of an image, whole or not at all.

    Args:
        path: File to write; its ending gives the format. Its folder is made.
        image: (H, W, 3) uint8 in BGR.
        source: The file that the picture was made of, which is never written over.

    Raises:
        OutputError: If it cannot be written.
    """
    try:
        if path.exists() and os.path.exists(source) and path.samefile(source):
            raise OutputError(f'{path} is the image itself; choose another folder for pictures')
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f'{path} cannot be written: {error}') from error
    write_picture(path, image, by_one_process=True)
