"""Checkpoint files: reading, writing, what is in them, and whether it fits a model.

``convert`` and the other names of :mod:`rsn_mm.conversion` are found here too. They are imported
when they are first asked for, because conversion needs the models, and the models need this
package.
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
