"""torch >= 2.6 loads plain tensors only; a checkpoint of mmengine holds a few harmless types more.

They are named one by one, so that loading stays safe: a file that would run code is refused.
"""

import pickle
from collections.abc import Callable

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from packaging.version import Version

#: dtypes of the numbers and arrays that logs, metrics and dataset meta leave in a checkpoint
DTYPES = ('bool', 'uint8', 'int32', 'int64', 'float32', 'float64')
#: methods of itself that a pickled history buffer refers to
STATISTICS = ('min', 'max', 'current', 'mean')


def mend() -> None:
    """Let ``torch.load`` read what ``mmengine.Runner`` saves, where it refuses it by default."""
    if refuses_by_default():
        torch.serialization.add_safe_globals(_types())


def refuses_by_default() -> bool:
    """Whether ``torch.load`` loads nothing but what it knows to be safe unless told otherwise."""
    return Version(torch.__version__).release >= (2, 6)


def statistic_of_history_buffer(owner: type, name: str) -> Callable:
    """What ``getattr`` gives for the statistics of ``HistoryBuffer``, and for nothing else.

    A pickle says ``getattr(HistoryBuffer, 'mean')`` where it refers to that method. To allow
    ``getattr`` itself would let a file reach anything, so this is what the name stands for.

    Raises:
        pickle.UnpicklingError: The file asks for another attribute.
    """
    if owner is HistoryBuffer and name in STATISTICS:
        return getattr(HistoryBuffer, name)
    raise pickle.UnpicklingError(f'the file refers to {name!r} of {owner!r}, which is not allowed')


def _types() -> list[type | tuple[Callable, str]]:
    multiarray = np._core.multiarray if hasattr(np, '_core') else np.core.multiarray
    types: list = [HistoryBuffer, np.ndarray, np.dtype]
    types += [type(np.dtype(name)) for name in DTYPES]
    types += [(statistic_of_history_buffer, 'builtins.getattr')]
    # NumPy 2 moved these; a checkpoint says the name of the NumPy it was written under.
    for name in ('_reconstruct', 'scalar'):
        function = getattr(multiarray, name)
        types += [(function, f'{core}.multiarray.{name}') for core in ('numpy._core', 'numpy.core')]
    return types
