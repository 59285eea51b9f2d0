"""torch 2.6 and later load plain tensors only, but mmengine's checkpoints hold a few other types.

These harmless types are allowed one by one, so that loading stays safe: a file that would run code
is still refused.
"""

import importlib
import pickle
from collections.abc import Callable

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from packaging.version import Version

#: Types of the numbers and arrays that logs, metrics and dataset_meta leave in a checkpoint.
DTYPES = ('bool', 'uint8', 'int32', 'int64', 'float32', 'float64')
#: Methods that a pickled ``HistoryBuffer`` refers to.
STATISTICS = ('min', 'max', 'current', 'mean')


def mend() -> None:
    """Let ``torch.load`` read what ``mmengine.Runner`` saves if it refuses to by default."""
    if refuses_by_default():
        torch.serialization.add_safe_globals(_types())


def refuses_by_default() -> bool:
    """Whether ``torch.load`` loads only what it knows to be safe, unless told otherwise."""
    return Version(torch.__version__).release >= (2, 6)


def statistic_of_history_buffer(owner: type, name: str) -> Callable:
    """Do what ``getattr`` does, but only for the statistics of ``HistoryBuffer``.

    A pickle refers to such a method as ``getattr(HistoryBuffer, 'mean')``. Allowing ``getattr``
    itself would let a file reach anything, so this function takes its place.

    Raises:
        pickle.UnpicklingError: If the file asks for another attribute.
    """
    if owner is HistoryBuffer and name in STATISTICS:
        return getattr(HistoryBuffer, name)
    raise pickle.UnpicklingError(f'the file refers to {name!r} of {owner!r}, which is not allowed')


def _types() -> list[Callable | tuple[Callable, str]]:
    # NumPy 2 moved this module.
    core = 'numpy._core' if hasattr(np, '_core') else 'numpy.core'
    multiarray = importlib.import_module(f'{core}.multiarray')
    types: list = [HistoryBuffer, np.ndarray, np.dtype]
    types += [type(np.dtype(name)) for name in DTYPES]
    types += [(statistic_of_history_buffer, 'builtins.getattr')]
    # NumPy 2 moved these functions; a checkpoint has the name from the NumPy that wrote it.
    for name in ('_reconstruct', 'scalar'):
        function = getattr(multiarray, name)
        types += [(function, f'{core}.multiarray.{name}') for core in ('numpy._core', 'numpy.core')]
    return types
