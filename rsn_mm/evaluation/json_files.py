"""Results as JSON files: in their place whole or not at all, and never over another file."""

import json
import os
from pathlib import Path

from rsn_mm.datasets.checks import DataError


def check_new_json(path: str | os.PathLike, what: str) -> None:
    """Refuse a file that cannot be written or would be written over; makes its folder.

    Args:
        path: Of the file.
        what: What names it to the user, an option or an argument.

    Raises:
        DataError: If it does not end with ``.json``, is there already, or its folder cannot be
            made.
    """
    if not str(path).endswith('.json'):
        raise DataError(f'{what} {path}: expected a file ending with .json')
    if os.path.exists(path):
        raise DataError(f'{what} {path} is there already: remove it or choose another name')
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f'{what} {path}: its folder cannot be made: {error}') from error


def write_json(path: str | os.PathLike, content: object, what: str) -> None:
    """Write a file beside its place and move it there once it is on the disk.

    Raises:
        DataError: See :func:`check_new_json`.
    """
    check_new_json(path, what)
    part = Path(f'{path}.{os.getpid()}.part')
    try:
        with open(part, 'x') as file:
            json.dump(content, file, separators=(',', ':'), allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
