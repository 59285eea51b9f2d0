"""Checkpoint files: read without running code from them, written whole or not at all."""

import os
import pickle
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier

from rsn_mm.errors import CheckpointError, OutputError
from rsn_mm.files import check_new_file, written_whole

WEB = ('http://', 'https://')


def read(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    Args:
        path: A file or a web address.

    Raises:
        CheckpointError: If the file does not exist, is damaged, or holds objects that could only be
            loaded by running code.
    """
    file = download(str(path)) if str(path).startswith(WEB) else Path(path)
    if not file.is_file():
        found = 'is not a file' if file.exists() else 'does not exist'
        raise CheckpointError(f'checkpoint {path} {found}')
    try:
        return torch.load(file, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f'checkpoint {path} is refused: {_refusal(str(error))}') from error
    except Exception as error:
        raise CheckpointError(
            f'checkpoint {path} cannot be read; it is damaged, incomplete or not a checkpoint of '
            f'torch ({type(error).__name__}: {" ".join(str(error).split())[:200]})') from error


def _refusal(message: str) -> str:
    """The reason in torch's message, without its advice to load the file in an unsafe way."""
    found = re.search(r'GLOBAL ([\w.]+)', message)
    if found:
        return (f'it holds more than weights ({found[1]}), and loading that would run code from '
                'the file')
    found = re.search(r'WeightsUnpickler error: (.+)', message)
    reason = f' ({found[1]})' if found else ''
    return f'it is not a file of torch that holds nothing but weights{reason}'


def download(address: str) -> Path:
    """Download a file into torch's cache, once for all processes of a machine.

    Returns:
        The path of the file in the cache.

    Raises:
        CheckpointError: If the download fails, or the file does not match the checksum in its name.
    """
    file = Path(torch.hub.get_dir()) / 'checkpoints' / Path(urlparse(address).path).name
    # mmengine does not know the local rank in runs over gloo.
    if os.environ.get('LOCAL_RANK', '0') == '0' and not file.exists():
        checksum = torch.hub.HASH_REGEX.search(file.name)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(
                address, str(file), hash_prefix=checksum and checksum[1])
        except (OSError, RuntimeError) as error:  # network or disk; checksum
            raise CheckpointError(
                f'checkpoint {address} cannot be downloaded to {file}: {error}; download it by '
                'hand and give the path of the file instead') from error
    barrier()
    return file


def check_destination(path: str | Path, source: str | Path, overwrite: bool = False) -> None:
    """Refuse a destination for a converted checkpoint where something would be lost.

    Makes the folder of the destination.

    Raises:
        ExistingFileError: If the destination exists and ``overwrite`` is false.
        OutputError: If the destination is a folder or the source itself.
    """
    path = Path(path)
    if path.is_file() and Path(source).exists() and path.samefile(source):
        raise OutputError(f'{path} is the checkpoint to convert; choose another name')
    check_new_file(path, 'checkpoint', overwrite=overwrite)


def write(checkpoint: dict[str, Any], path: str | Path, overwrite: bool = False) -> None:
    """Write a checkpoint.

    Raises:
        ExistingFileError: If the file exists and ``overwrite`` is false.
        OutputError: If the file cannot be written.
    """
    check_new_file(path, 'checkpoint', overwrite=overwrite)
    try:
        with written_whole(path) as file:
            torch.save(checkpoint, file)
    except OSError as error:
        raise OutputError(f'checkpoint {path} cannot be written: {error}') from error
