"""Checkpoint files: read without running what is in them, written whole or not at all."""

import os
import pickle
import re
from pathlib import Path
from typing import Any

import torch

from .downloads import WEB, download
from .errors import CheckpointError


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


def check_destination(path: str | Path, source: str | Path, force: bool = False) -> None:
    """Refuse a destination that something would be lost at.

    Raises:
        CheckpointError: If it is a folder, the source, or there already and not ``force``.
    """
    path = Path(path)
    if path.is_dir():
        raise CheckpointError(f'{path} is a folder, expected the name of a file')
    if path.exists() and Path(source).exists() and path.samefile(source):
        raise CheckpointError(f'{path} is the checkpoint to convert, choose another name')
    if path.exists() and not force:
        raise CheckpointError(f'{path} is there already; --force overwrites it')


def write(checkpoint: dict[str, Any], path: str | Path, force: bool = False) -> None:
    """Write a checkpoint beside its place, then move it there.

    Raises:
        CheckpointError: If it is there already and not ``force``, or cannot be written.
    """
    path = Path(path)
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, 'xb') as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            if path.exists() and not force:
                raise CheckpointError(f'{path} is there already; --force overwrites it')
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f'{path} cannot be written: {error}') from error
