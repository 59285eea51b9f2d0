"""Checkpoint files: read without running code from them, written whole or not at all."""

import pickle
import re
from pathlib import Path
from typing import Any

import torch

from rsn_mm.errors import CheckpointError, OutputError
from rsn_mm.files import check_new_file, written_whole

from .downloads import download, web_address
from .formats import SAFETENSORS, TORCH, format_of
from .values import check_dataset_meta, check_values


def read(path: str | Path, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a checkpoint of torch or of safetensors. Nothing that the file contains is run.

    Args:
        path: A file, a web address, or a name such as ``'torchvision://resnet50'``.
        map_location: Where the tensors go, as of ``torch.load``; by default the CPU.

    Returns:
        What torch saved. For a file of safetensors, its tensors in the entry ``state_dict``.

    Raises:
        CheckpointError: If the file does not exist, cannot be downloaded, is damaged or of another
            format, holds objects that could only be loaded by running code, or has weights or a
            description of joints that cannot be used.
    """
    address = web_address(str(path))
    file = Path(path).expanduser() if address is None else download(address)
    name = f'checkpoint {path}'
    if address is not None:
        name += f', downloaded to {file} (remove this file to download it again),'
    if not file.is_file():
        found = 'is not a file' if file.exists() else 'does not exist'
        raise CheckpointError(f'{name} {found}')
    try:
        checkpoint = _read(file, map_location)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f'{name} is refused: {_refusal(str(error))}') from error
    except CheckpointError as error:
        raise CheckpointError(f'{name} {error}') from error.__cause__
    except Exception as error:
        raise CheckpointError(
            f'{name} cannot be read; it is damaged, incomplete or not a checkpoint of torch '
            f'({type(error).__name__}: {" ".join(str(error).split())[:200]})') from error
    check_dataset_meta(checkpoint, name)
    check_values(checkpoint, name)
    return checkpoint


def _read(file: Path, map_location: Any) -> Any:
    kind = format_of(file)
    if kind == TORCH:
        return torch.load(file, map_location=map_location, weights_only=True)
    if kind != SAFETENSORS:
        raise CheckpointError(f'is refused: it is {kind}, expected a checkpoint of torch or of '
                              'safetensors')
    try:
        from safetensors.torch import load  # an optional package
    except ImportError as error:
        raise CheckpointError('is a file of safetensors, and the package that reads it is not '
                              'installed; mend it with: pip install safetensors') from error
    # From memory, so that nobody can shorten the file while it is in use.
    tensors = load(file.read_bytes())
    return dict(state_dict={key: value.to(map_location) for key, value in tensors.items()})


def _refusal(message: str) -> str:
    """The reason in torch's message, without its advice to load the file in an unsafe way."""
    found = re.search(r'GLOBAL ([\w.]+)', message)
    if found:
        return (f'it holds more than weights ({found[1]}), and loading that would run code from '
                'the file')
    found = re.search(r'WeightsUnpickler error:\s*(.+)', message)
    reason = f' ({found[1]})' if found else ''
    return f'it is not a file of torch that holds nothing but weights{reason}'


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
