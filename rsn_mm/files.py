"""Files that appear in their place whole or not at all, and never over another file."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from matplotlib.figure import Figure
from scipy.io import savemat

from rsn_mm.errors import ExistingFileError, OutputError

FilePath = str | os.PathLike
#: Dots per inch of a figure.
FIGURE_DPI = 150


def check_new_file(path: FilePath, what: str, ending: str = '', overwrite: bool = False) -> None:
    """Refuse a file that cannot be written or would be written over; makes its folder.

    Args:
        path: Path of the file.
        what: What names the file to the user, such as an option or an argument.
        ending: What the name has to end with.
        overwrite: Allow a file that exists.

    Raises:
        ExistingFileError: If there is a file of that name and ``overwrite`` is false.
        OutputError: If the name has another ending or is that of a folder, or if the folder for the
            file cannot be made.
    """
    if not str(path).endswith(ending):
        raise OutputError(f'{what} {path}: expected a file ending with {ending}')
    if os.path.isdir(path):
        raise OutputError(f'{what} {path} is a folder, expected the name of a file')
    if os.path.exists(path) and not overwrite:
        raise ExistingFileError(
            f'{what} {path} is there already: remove it or choose another name')
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f'{what} {path}: its folder cannot be made: {error}') from error


@contextmanager
def written_whole(path: FilePath, by_one_process: bool = False) -> Iterator[BinaryIO]:
    """A binary file beside ``path``, which takes its place once it is complete and on the disk.

    What was at ``path`` is replaced. If the block raises, nothing has changed.

    Args:
        path: Path of the file.
        by_one_process: No other process writes it at the same time. The file beside it then has a
            fixed name, so that what a killed process has left is replaced by the next.
    """
    owner = '' if by_one_process else f'.{os.getpid()}'
    part = Path(f'{os.fspath(path)}{owner}.part')
    try:
        with open(part, 'wb') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: FilePath, content: object, what: str) -> None:
    """Write a new JSON file.

    Raises:
        OutputError: See :func:`check_new_file`.
    """
    text = json.dumps(content, separators=(',', ':'), allow_nan=False)
    check_new_file(path, what, '.json')
    with written_whole(path) as file:
        file.write(text.encode())


def write_matlab(path: FilePath, arrays: dict[str, np.ndarray], what: str) -> None:
    """Write arrays by name as a new MATLAB file.

    Raises:
        OutputError: See :func:`check_new_file`.
    """
    check_new_file(path, what, '.mat')
    with written_whole(path) as file:
        savemat(file, arrays)


def write_figure(figure: Figure, path: FilePath, what: str) -> None:
    """Write a figure as a new PNG file.

    Raises:
        OutputError: See :func:`check_new_file`.
    """
    check_new_file(path, what, '.png')
    with written_whole(path) as file:
        figure.savefig(file, format='png', dpi=FIGURE_DPI)
