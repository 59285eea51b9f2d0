"""Checkpoints: files, the weights in them, whether these fit a model, and their conversion.

Conversion needs the models, and the models need this package. So :mod:`rsn_mm.conversion` is a
package above both, and its functions are looked up there when they are first asked for here.
"""

import importlib

from rsn_mm.errors import CheckpointError

from .files import read, write

CONVERSION = ('SOURCES', 'convert', 'convert_checkpoint', 'export_checkpoint', 'to_mmpose')

__all__ = ['CheckpointError', 'read', 'write', *CONVERSION]


def __getattr__(name: str) -> object:
    if name in CONVERSION:
        return getattr(importlib.import_module('rsn_mm.conversion'), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
