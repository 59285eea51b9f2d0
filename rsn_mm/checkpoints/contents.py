"""The weights in a checkpoint, wherever they are stored in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from rsn_mm.errors import CheckpointError, listing

from .files import read

#: Prefix of every name in the state dict of a model that was wrapped for parallel training.
PARALLEL = 'module.'
#: Entry of an averaged model that counts its updates.
EMA_STEPS = 'steps'


def meta_of(checkpoint: Mapping[str, Any]) -> dict:
    """The entry ``meta`` of an mmengine checkpoint, or an empty dict."""
    meta = checkpoint.get('meta')
    return dict(meta) if isinstance(meta, Mapping) else {}


def weights_entry(checkpoint: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """Find the entry of a checkpoint that is the state dict.

    Averaged weights are preferred to plain ones. When mmengine's ``EMAHook`` saves a checkpoint, it
    swaps them: ``state_dict`` has the averaged weights, and ``ema_state_dict`` the plain ones.

    Returns:
        The name of the entry, or ``None`` if the checkpoint is a state dict itself, and remarks for
        the user.

    Raises:
        CheckpointError: If the checkpoint is not a dict.
    """
    if not isinstance(checkpoint, Mapping):
        raise CheckpointError(f'a {type(checkpoint).__name__}, expected a dict of weights')
    if 'ema_state_dict' not in checkpoint:
        return next((name for name in ('state_dict', 'model') if name in checkpoint), None), []
    if 'state_dict' in checkpoint and 'mmengine_version' in meta_of(checkpoint):
        return 'state_dict', ['EMA weights used, those in state_dict: mmengine stores the plain '
                              'weights in ema_state_dict']
    return 'ema_state_dict', ['EMA weights used, those in ema_state_dict']


def weights_of(checkpoint: Mapping[str, Any]) -> tuple[dict[str, Tensor], list[str]]:
    """The state dict in a checkpoint, without the prefix of parallel training.

    Args:
        checkpoint: A dict with ``model``, ``state_dict`` or ``ema_state_dict``, or a plain state
            dict.

    Returns:
        Tensors by name, and remarks for the user.

    Raises:
        CheckpointError: If there is no state dict, or it has entries that are not tensors.
    """
    entry, notes = weights_entry(checkpoint)
    state_dict = checkpoint if entry is None else checkpoint[entry]
    if not isinstance(state_dict, Mapping):
        raise CheckpointError(f'{entry} is a {type(state_dict).__name__}, expected a dict of '
                              'weights')
    where = entry or 'the checkpoint'
    if not state_dict:
        raise CheckpointError(f'{where} is empty, expected weights by name')
    odd = [str(key) for key, value in state_dict.items()
           if not isinstance(key, str) or not isinstance(value, Tensor)]
    if odd:
        raise CheckpointError(f'{where} has entries that are not tensors: {listing(odd)}')
    if any(key.startswith(PARALLEL) for key in state_dict):
        state_dict = {key: value for key, value in state_dict.items() if key != EMA_STEPS}
        bare = [key for key in state_dict if not key.startswith(PARALLEL)]
        if bare:
            raise CheckpointError(f'some names have the prefix {PARALLEL!r}, others do not: '
                                  f'{listing(bare)}')
    return {key.removeprefix(PARALLEL): value for key, value in state_dict.items()}, notes


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint and take the weights out of it.

    Args:
        path: A file or a web address.

    Returns:
        Tensors by name, as :func:`weights_of` gives them, and the whole checkpoint.

    Raises:
        CheckpointError: If the file cannot be read or has no weights. The message names the file.
    """
    checkpoint = read(path)
    try:
        return weights_of(checkpoint)[0], checkpoint
    except CheckpointError as error:
        raise CheckpointError(f'checkpoint {path}: {error}') from error
