"""Results as files: in their place whole or not at all, and never over another file."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from scipy.io import savemat

from rsn_mm.datasets.checks import DataError

FilePath = str | os.PathLike


def check_new_file(path: FilePath, ending: str, what: str) -> None:
    """Refuse a file that cannot be written or would be written over; makes its folder.

    Args:
        path: Of the file.
        ending: What its name has to end with.
        what: What names it to the user, an option or an argument.

    Raises:
        DataError: If it does not end so, is there already, or its folder cannot be made.
    """
    if not str(path).endswith(ending):
        raise DataError(f'{what} {path}: expected a file ending with {ending}')
    if os.path.exists(path):
        raise DataError(f'{what} {path} is there already: remove it or choose another name')
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f'{what} {path}: its folder cannot be made: {error}') from error


def write_json(path: FilePath, content: object, what: str) -> None:
    """Write a JSON file.

    Raises:
        DataError: See :func:`check_new_file`.
    """
    text = json.dumps(content, separators=(',', ':'), allow_nan=False)
    _write(path, '.json', what, lambda file: file.write(text.encode()))


def write_matlab(path: FilePath, arrays: dict[str, np.ndarray], what: str) -> None:
    """Write arrays by name as a MATLAB file.

    Raises:
        DataError: See :func:`check_new_file`.
    """
    _write(path, '.mat', what, lambda file: savemat(file, arrays))


def _write(path: FilePath, ending: str, what: str, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside its place and move it there once it is on the disk."""
    check_new_file(path, ending, what)
    part = Path(f'{path}.{os.getpid()}.part')
    try:
        with open(part, 'xb') as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
