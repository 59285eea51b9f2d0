"""Checkpoint files: read without running what is in them, written whole or not at all."""

import pickle
import re
from pathlib import Path
from typing import Any

import torch

from rsn_mm.errors import CheckpointError, OutputError
from rsn_mm.files import check_new_file, written_whole

from .downloads import WEB, download


def read(path: str | Path) -> dict[str, Any]:
    """A checkpoint, on the CPU.

    Args:
        path: Of a file, or its address in the web.

    Raises:
        CheckpointError: If it is not there, damaged, or holds objects that loading would have to
            run code for.
    """
    file = download(path) if str(path).startswith(WEB) else Path(path)
    if not file.is_file():
        raise CheckpointError(f'{path} {"is no file" if file.exists() else "does not exist"}')
    try:
        return torch.load(file, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f'{path} is refused: {_refusal(str(error))}') from error
    except Exception as error:
        raise CheckpointError(
            f'{path} cannot be read; it is damaged, incomplete or no checkpoint of torch '
            f'({type(error).__name__}: {" ".join(str(error).split())[:200]})') from error


def _refusal(message: str) -> str:
    """What torch found, without its advice to load the file all the same."""
    found = re.search(r'GLOBAL ([\w.]+)', message)
    if found:
        return (f'it holds more than weights ({found[1]}), and to load that would run code of the '
                'file')
    found = re.search(r'WeightsUnpickler error: (.+)', message)
    reason = f' ({found[1]})' if found else ''
    return f'it is no file of torch with nothing but weights in it{reason}'


def check_destination(path: str | Path, source: str | Path, overwrite: bool = False) -> None:
    """Refuse a destination that something would be lost at, and make its folder.

    Raises:
        OutputError: If it is a folder, the source, or there already and not ``overwrite``.
    """
    path = Path(path)
    if path.is_file() and Path(source).exists() and path.samefile(source):
        raise OutputError(f'{path} is the checkpoint to convert, choose another name')
    check_new_file(path, 'checkpoint', overwrite=overwrite)


def write(checkpoint: dict[str, Any], path: str | Path, overwrite: bool = False) -> None:
    """Write a checkpoint.

    Raises:
        OutputError: If it is there already and not ``overwrite``, or cannot be written.
    """
    check_new_file(path, 'checkpoint', overwrite=overwrite)
    try:
        with written_whole(path) as file:
            torch.save(checkpoint, file)
    except OSError as error:
        raise OutputError(f'checkpoint {path} cannot be written: {error}') from error
