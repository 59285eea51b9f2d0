"""torch loads plain tensors only, but mmengine's checkpoints hold a few other types.

These are allowed one by one, so that loading stays safe: a file that would run code is still
refused. NumPy's own functions for unpickling are not among them. They trust their arguments, and an
array of objects takes bytes of the file for addresses in memory. Functions of this module take
their place under their names and build arrays of plain numbers, of exactly the size that the file
states.
"""

import math
import pickle
from collections.abc import Callable

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer

#: Types of numbers in the arrays of logs, metrics and dataset_meta.
DTYPES = ('bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64',
          'float16', 'float32', 'float64')
#: These types as a pickle names them, such as ``'f8'``, and the byte orders.
CODES = {np.dtype(name).str[1:] for name in DTYPES}
ORDERS = ('<', '>', '|', '=')
#: Where NumPy 2 and NumPy 1 have their functions for unpickling; a file names either place.
NUMPY_MODULES = ('numpy._core.multiarray', 'numpy.core.multiarray')
#: Methods that a pickled ``HistoryBuffer`` refers to.
STATISTICS = ('min', 'max', 'current', 'mean')


def mend() -> None:
    """Let ``torch.load`` read what ``mmengine.Runner`` saves."""
    allowed: list = [HistoryBuffer, (statistic_of_history_buffer, 'builtins.getattr'),
                     (NumberType, 'numpy.dtype'), (NumberArray, 'numpy.ndarray')]
    for module in NUMPY_MODULES:
        allowed += [(empty_array, f'{module}._reconstruct'), (number, f'{module}.scalar')]
    torch.serialization.add_safe_globals(allowed)


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


class NumberType:
    """Stands for ``numpy.dtype`` in a file.

    Args:
        code: Type and size, such as ``'f8'``.
        flags: Further arguments of ``numpy.dtype``, without meaning for numbers.
    """

    code: object = None
    order: object = '='

    def __init__(self, code: object = None, *flags: object) -> None:
        self.code = code

    def __setstate__(self, state: tuple) -> None:
        # The byte order is the only entry that tells anything about a number.
        self.order = state[1]


def numpy_type(kind: object) -> np.dtype:
    """NumPy's type for the type in a file.

    Raises:
        pickle.UnpicklingError: If it is not a type of numbers.
    """
    if (isinstance(kind, NumberType) and kind.order in ORDERS
            and isinstance(kind.code, str) and kind.code in CODES):
        return np.dtype(f'{kind.order}{kind.code}')
    raise pickle.UnpicklingError(
        f'the file has an array of type {getattr(kind, "code", kind)!r}, expected numbers')


class NumberArray(np.ndarray):
    """An array from a file. It is pickled as the plain array of NumPy that it is otherwise."""

    def __new__(cls, *args: object) -> 'NumberArray':
        # A file may call the class with arguments of its choice, which count for nothing.
        return super().__new__(cls, 0)

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, is_fortran, data = state
        dtype = numpy_type(kind)
        if not (isinstance(shape, tuple) and isinstance(data, bytes)
                and all(type(length) is int and length >= 0 for length in shape)
                and math.prod(shape) * dtype.itemsize == len(data)):
            raise pickle.UnpicklingError(f'the file has an array of shape {shape!r} and type '
                                         f'{dtype} with another amount of data')
        super().__setstate__((1, shape, dtype, bool(is_fortran), data))  # type: ignore[arg-type]

    def __reduce__(self) -> str | tuple:
        return self.view(np.ndarray).__reduce__()


def empty_array(kind: object, *args: object) -> NumberArray:
    """An array that its state will fill.

    Raises:
        pickle.UnpicklingError: If the file asks for another class of arrays.
    """
    if kind is not NumberArray:
        raise pickle.UnpicklingError(f'the file has an array of class {kind!r}, which is not '
                                     'allowed')
    return NumberArray()


def number(kind: object, data: object = None) -> np.generic:
    """One number of a NumPy type.

    Raises:
        pickle.UnpicklingError: If it is not a number, or has another size than its type.
    """
    dtype = numpy_type(kind)
    if not isinstance(data, bytes) or len(data) != dtype.itemsize:
        raise pickle.UnpicklingError(f'the file has a number of type {dtype} with another amount '
                                     'of data')
    return np.frombuffer(data, dtype)[0]
