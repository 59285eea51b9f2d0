"""The config files that come with the package, and how they are named."""

import difflib
import os
from functools import lru_cache
from pathlib import Path

from rsn_mm.errors import MissingFileError

#: The folder that mmengine and openmim look for in a package. In the repository it holds links.
SHIPPED = Path(__file__).resolve().parents[1] / '.mim'
#: Folders of files that are parts of configs, or none.
PARTS = ('_base_', 'compare')


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
            ``configs/rsn/rsn18_coco-256x192.py``. A file that exists comes first.

    Raises:
        MissingFileError: If there is no such config.

    Example:
        >>> from rsn_mm.configuration import find_config
        >>> find_config('rsn18_coco-256x192').name
        'rsn18_coco-256x192.py'
    """
    if os.path.isfile(name):
        return name
    text = os.fspath(name)
    known = shipped_configs()
    if text in known:
        return known[text]
    if text.startswith('configs/') and (SHIPPED / text).is_file():
        return SHIPPED / text
    if os.path.basename(text) != text:
        raise MissingFileError(f'config {text} does not exist')
    near = difflib.get_close_matches(text.removesuffix('.py'), known, 1)
    hint = f'; did you mean {near[0]}?' if near else ''
    raise MissingFileError(f'config {text} does not exist, neither as a file nor among the configs '
                           f'of rsn_mm{hint}')
