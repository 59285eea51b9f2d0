"""Whether the tensors in a checkpoint can be the weights of a network."""

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
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return 'has more elements than the file has numbers'
    if tensor.is_complex():
        return 'has complex numbers'
    if not tensor.is_floating_point():
        is_number = name.rpartition('.')[2] in FLOATING
        return f'has integers ({tensor.dtype})' if is_number else None
    # torch does not compare 8-bit numbers.
    values = tensor.float() if tensor.element_size() == 1 else tensor
    if values.isfinite().all():
        return None
    return 'has NaN in it' if values.isnan().any() else 'has infinite numbers'
