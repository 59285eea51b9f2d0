"""The weights in a checkpoint, whichever way it was wrapped."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from rsn_mm.errors import CheckpointError, listing

PARALLEL = 'module.'
#: Counts the updates of an averaged model.
EMA_STEPS = 'steps'


def meta_of(checkpoint: Mapping[str, Any]) -> dict:
    """``meta`` of an mmengine checkpoint, empty where there is none."""
    meta = checkpoint.get('meta')
    return dict(meta) if isinstance(meta, Mapping) else {}


def place_of_weights(checkpoint: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """The entry that is the state dict, ``None`` for the checkpoint itself, and remarks on it.

    Taken are the averaged weights where there are any. mmengine's ``EMAHook`` swaps them when it
    saves: ``state_dict`` has the averaged ones then, and ``ema_state_dict`` the plain ones.

    Raises:
        CheckpointError: If it is no dict.
    """
    if not isinstance(checkpoint, Mapping):
        raise CheckpointError(f'a {type(checkpoint).__name__}, expected a dict of weights')
    if 'ema_state_dict' not in checkpoint:
        return next((name for name in ('state_dict', 'model') if name in checkpoint), None), []
    if 'state_dict' in checkpoint and 'mmengine_version' in meta_of(checkpoint):
        return 'state_dict', ['EMA weights used: mmengine keeps them in state_dict, and the plain '
                              'ones in ema_state_dict']
    return 'ema_state_dict', ['EMA weights used, those in ema_state_dict']


def weights_of(checkpoint: Mapping[str, Any]) -> tuple[dict[str, Tensor], list[str]]:
    """The state dict in a checkpoint, and remarks on where it was.

    Args:
        checkpoint: With ``model``, ``state_dict`` or ``ema_state_dict``; or a plain state dict.

    Raises:
        CheckpointError: If there is no state dict or more than tensors in it.
    """
    name, notes = place_of_weights(checkpoint)
    state_dict = checkpoint if name is None else checkpoint[name]
    if not isinstance(state_dict, Mapping):
        raise CheckpointError(f'{name} is a {type(state_dict).__name__}, expected a dict of '
                              'weights')
    if not state_dict:
        raise CheckpointError(f'{name or "the checkpoint"} is empty, expected weights by name')
    odd = [str(key) for key, value in state_dict.items()
           if not isinstance(key, str) or not isinstance(value, Tensor)]
    if odd:
        raise CheckpointError(f'{name or "the checkpoint"} has entries that are no tensors: '
                              f'{listing(odd)}')
    if any(key.startswith(PARALLEL) for key in state_dict):
        state_dict = {key: value for key, value in state_dict.items() if key != EMA_STEPS}
        bare = [key for key in state_dict if not key.startswith(PARALLEL)]
        if bare:
            raise CheckpointError(f'some keys have the prefix {PARALLEL!r}, others do not: '
                                  f'{listing(bare)}')
    return {key.removeprefix(PARALLEL): value for key, value in state_dict.items()}, notes
