"""Whether what a checkpoint holds can be used: its weights, and its description of the joints."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rsn_mm.errors import CheckpointError

#: Entries of a checkpoint that have weights.
ENTRIES = ('state_dict', 'model', 'ema_state_dict')
#: Last parts of the names of tensors that are never integers, unlike counters and indices.
FLOATING = ('weight', 'bias', 'running_mean', 'running_var')


def check_values(checkpoint: Any, what: str) -> None:
    """Refuse a checkpoint with tensors that cannot be the weights of a network.

    Args:
        checkpoint: Content of the file. What else is wrong with it is not found here.
        what: What names the checkpoint to the user.

    Raises:
        CheckpointError: If a tensor is not a dense one of finite floating-point numbers. The
            message names the first such tensor. Counters and indices are integers.
    """
    if not isinstance(checkpoint, Mapping):
        return
    for entry in [checkpoint[name] for name in ENTRIES if name in checkpoint] or [checkpoint]:
        for name, tensor in entry.items() if isinstance(entry, Mapping) else ():
            fault = fault_of(str(name), tensor) if isinstance(tensor, Tensor) else None
            if fault is not None:
                raise CheckpointError(f'{what}: {name} {fault}, expected a dense tensor of finite '
                                      'floating-point numbers')


def fault_of(name: str, tensor: Tensor) -> str | None:
    """Why a tensor cannot be a weight or a statistic of a network, or ``None``.

    Args:
        name: Its name in the state dict.
        tensor: On any device.
    """
    if tensor.is_meta:
        return 'is on the meta device and has no values'
    if tensor.is_nested or tensor.layout != torch.strided:
        return 'is sparse or nested'
    if tensor.is_quantized:
        return 'is quantized'
    if tensor.is_complex():
        return 'has complex numbers'
    if not tensor.is_floating_point():
        is_number = name.rpartition('.')[2] in FLOATING
        return f'has integers ({tensor.dtype})' if is_number else None
    values = _numbers_of(tensor)
    if values.isfinite().all():
        return None
    return 'has NaN in it' if values.isnan().any() else 'has infinite numbers'


def _numbers_of(tensor: Tensor) -> Tensor:
    """The numbers in memory of a tensor, which a small file can claim to be terabytes."""
    storage = tensor.untyped_storage()
    if tensor.numel() * tensor.element_size() > storage.nbytes():
        tensor = torch.empty(0, dtype=tensor.dtype, device=tensor.device).set_(storage)
    return tensor.float() if tensor.element_size() == 1 else tensor  # torch tests no 8-bit numbers


def check_dataset_meta(checkpoint: Any, what: str) -> None:
    """Refuse a checkpoint whose description of the joints, ``meta.dataset_meta``, is none.

    Args:
        checkpoint: Content of the file. It may have no such entry.
        what: What names the checkpoint to the user.

    Raises:
        CheckpointError: If it is not a dict, refers to a config, which would be run to read it, or
            has ``flip_indices`` that are not a permutation of its joints.
    """
    meta = checkpoint.get('meta') if isinstance(checkpoint, Mapping) else None
    found = meta.get('dataset_meta') if isinstance(meta, Mapping) else None
    if found is None:
        return
    where = f'{what} is refused: its meta.dataset_meta'
    if not isinstance(found, Mapping):
        raise CheckpointError(f'{where} is a {type(found).__name__}, expected a dict')
    if 'from_file' in found:
        raise CheckpointError(
            f'{where} names the config {found["from_file"]!r} (from_file), which is a program; '
            'expected the names of the joints themselves')
    flip = found.get('flip_indices')
    joints = found.get('num_keypoints', len(flip) if isinstance(flip, list) else None)
    if flip is not None and not (isinstance(flip, list) and isinstance(joints, int)
                                 and all(type(index) is int for index in flip)
                                 and sorted(flip) == list(range(joints))):
        raise CheckpointError(f'{where} has flip_indices={flip!r} and num_keypoints={joints!r}, '
                              'expected each joint once')
