"""Checkpoint files, the weights in them, and whether these fit a model.

The package ``rsn_mm`` adds the functions of :mod:`rsn_mm.conversion`, which needs the models and
therefore stands above this package.
"""

from rsn_mm.errors import CheckpointError

from . import runner_loading  # noqa: F401  (registers)
from .files import read, write

__all__ = ['CheckpointError', 'read', 'write']
