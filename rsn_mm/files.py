"""Files that appear in their place whole or not at all, and never over another file."""

import fcntl
import glob
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from matplotlib.figure import Figure
from scipy.io import savemat

from rsn_mm.errors import ExistingFileError, OutputError

FilePath = str | os.PathLike
#: Dots per inch of a figure.
FIGURE_DPI = 150
#: What may be a part of the name of a file: no separator of folders, and not too long.
NAME_PART = re.compile(r'[\w.-]{1,64}')
#: Bytes written to see whether a disk is full.
PROBE_BYTES = 4096
#: End of the name of an unfinished file, with the process that writes it.
PART_NAME = re.compile(r'\.(\d+)\.part$')


def name_part(value: object, number: int) -> str:
    """A value from data, such as an id, as a part of the name of a file.

    Args:
        value: The value. Somebody else may have chosen it, so that it may lead to another folder.
        number: Takes its place if it cannot be a part of a name.
    """
    text = str(value)
    return text if NAME_PART.fullmatch(text) else f'sample{number}'


def check_new_file(path: FilePath, what: str, ending: str = '', overwrite: bool = False) -> None:
    """Refuse a file that cannot be written or would be written over; makes its folder.

    Args:
        path: Path of the file.
        what: What names the file to the user, such as an option or an argument.
        ending: What the name has to end with.
        overwrite: Allow a file that exists.

    Raises:
        ExistingFileError: If there is a file of that name and ``overwrite`` is false.
        OutputError: If the name has another ending or is that of a folder, if the folder for the
            file cannot be made, or if no file can be written there.
    """
    if not str(path).endswith(ending):
        raise OutputError(f'{what} {path}: expected a file ending with {ending}')
    if os.path.isdir(path):
        raise OutputError(f'{what} {path} is a folder, expected the name of a file')
    if os.path.exists(path) and not overwrite:
        raise ExistingFileError(
            f'{what} {path} is there already: remove it or choose another name')
    make_folder(Path(path).parent, f'{what} {path}')


def make_folder(folder: FilePath, what: str) -> None:
    """Make a folder where it is missing, and see whether files can be written there.

    Args:
        folder: Path of the folder.
        what: What is to be written, for the message.

    Raises:
        OutputError: If the folder cannot be made, is read-only, or is on a full disk.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f'{what}: its folder cannot be made: {error}') from error
    try:
        with tempfile.TemporaryFile(dir=str(folder)) as file:
            file.write(b'0' * PROBE_BYTES)
    except OSError as error:
        raise OutputError(
            f'{what}: nothing can be written in {folder}: {error.strerror}') from error


@contextmanager
def written_whole(path: FilePath, by_one_process: bool = False) -> Iterator[BinaryIO]:
    """A binary file beside ``path``, which takes its place once it is complete and on the disk.

    What was at ``path`` is replaced. If the block raises, nothing has changed.

    Args:
        path: Path of the file.
        by_one_process: No other process writes it at the same time. The file beside it then has a
            fixed name, so that what a killed process has left is replaced by the next. Otherwise
            the folder is searched for what killed processes have left, which takes time where it
            holds many files.

    Raises:
        OutputError: If the file cannot be written, for example because the disk is full.
    """
    if not by_one_process:
        remove_parts(path)
    owner = '' if by_one_process else f'.{os.getpid()}'
    part = Path(f'{os.fspath(path)}{owner}.part')
    try:
        with open(part, 'wb') as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise OutputError(f'{path} cannot be written: {error.strerror or error}') from error
    finally:
        part.unlink(missing_ok=True)


def remove_parts(path: FilePath) -> None:
    """Remove the unfinished files of :func:`written_whole` that killed processes left.

    Args:
        path: The file that was to be written; a folder stands for all files in it.
    """
    path = Path(path)
    folder, name = (path, '*') if path.is_dir() else (path.parent, glob.escape(path.name))
    for part in folder.glob(f'{name}.*.part'):
        pid = PART_NAME.search(part.name)
        if pid and int(pid[1]) != os.getpid() and _is_abandoned(part):
            part.unlink(missing_ok=True)


def _is_abandoned(part: Path) -> bool:
    """Whether nobody holds the lock that the writer of a file has."""
    try:
        with open(part, 'r+b') as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def write_picture(path: FilePath, image: np.ndarray, by_one_process: bool = False) -> None:
    """Write an image (H, W, 3), BGR, 8 bit, in the format that the ending of the name says.

    Args:
        path: Path of the file.
        image: The image.
        by_one_process: See :func:`written_whole`.

    Raises:
        OutputError: If it cannot be written.
    """
    try:
        encoded, data = cv2.imencode(Path(path).suffix, image)
    except cv2.error as error:
        raise OutputError(f'{path} cannot be written: {error}') from error
    if not encoded:
        raise OutputError(f'{path} cannot be written: a picture of {image.shape[1]} x '
                          f'{image.shape[0]} pixels cannot be encoded in this format')
    with written_whole(path, by_one_process) as file:
        file.write(data.tobytes())


def write_json(path: FilePath, content: object, what: str, overwrite: bool = False) -> None:
    """Write a new JSON file, or replace one.

    Raises:
        OutputError: See :func:`check_new_file`.
    """
    text = json.dumps(content, separators=(',', ':'), allow_nan=False)
    check_new_file(path, what, '.json', overwrite)
    with written_whole(path) as file:
        file.write(text.encode())


def write_matlab(path: FilePath, arrays: dict[str, np.ndarray], what: str,
                 overwrite: bool = False) -> None:
    """Write arrays by name as a new MATLAB file, or replace one.

    Raises:
        OutputError: See :func:`check_new_file`.
    """
    check_new_file(path, what, '.mat', overwrite)
    with written_whole(path) as file:
        savemat(file, arrays)


def write_figure(figure: Figure, path: FilePath, what: str, overwrite: bool = False) -> None:
    """Write a figure as a new PNG file, or replace one.

    Raises:
        OutputError: See :func:`check_new_file`.
    """
    check_new_file(path, what, '.png', overwrite)
    with written_whole(path) as file:
        figure.savefig(file, format='png', dpi=FIGURE_DPI)
