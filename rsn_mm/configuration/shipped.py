"""The config files that come with the package, and how they are named."""

import difflib
import os
from functools import lru_cache
from pathlib import Path

from rsn_mm.errors import MissingFileError, listing

#: The folder that mmengine and openmim look for in a package. In the repository it holds links.
SHIPPED = Path(__file__).resolve().parents[1] / '.mim'
#: Folders of parts of configs, and of configs of a sweep, which are named by their paths.
PARTS = ('_base_', 'compare')
#: How many names a message offers for an unknown one.
NUM_NEAR = 3


@lru_cache
def shipped_configs() -> dict[str, Path]:
    """Paths of the configs that come with the package, by name, such as ``rsn18_coco-256x192``."""
    folders = (folder for folder in (SHIPPED / 'configs').iterdir()
               if folder.is_dir() and folder.name not in PARTS)
    return {path.stem: path for folder in sorted(folders) for path in sorted(folder.glob('*.py'))}


def find_config(name: str | os.PathLike) -> str | os.PathLike:
    """The path of a config.

    Args:
        name: A path; or the name of a config that comes with the package, such as
            ``rsn18_coco-256x192``; or its path in the repository, such as
            ``configs/rsn/rsn18_coco-256x192.py``. A file that exists comes first, also one with the
            name and ``.py`` in the current folder.

    Raises:
        MissingFileError: If there is no such config. The message offers the nearest names.

    Example:
        >>> from rsn_mm.configuration import find_config
        >>> find_config('rsn18_coco-256x192').name
        'rsn18_coco-256x192.py'
    """
    text = os.fspath(name)
    for file in (text, f'{text}.py'):
        if os.path.isfile(file):
            return name if file == text else file
    folder, base = os.path.split(text)
    known, stem = shipped_configs(), base.removesuffix('.py')
    if not folder and stem in known:
        return known[stem]
    if folder.startswith('configs') and (SHIPPED / text).is_file():
        return SHIPPED / text
    near = difflib.get_close_matches(stem, known, NUM_NEAR)
    hint = f'; did you mean {listing(near)}?' if near else ''
    raise MissingFileError(f'config {text} does not exist{hint}')
