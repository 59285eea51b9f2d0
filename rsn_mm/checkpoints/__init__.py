"""Checkpoints of the released RSN and MSPN code and of MMPose, and the way back to MMPose.

``convert`` makes any of them a state dict of ``rsn_mm`` and names the config that loads it;
``to_mmpose`` is the way back. ``tools/convert_checkpoint.py`` does both for files.
"""

from .conversion import SOURCES, convert, convert_checkpoint, export_checkpoint, to_mmpose
from .errors import CheckpointError
from .files import read, write

__all__ = ['SOURCES', 'CheckpointError', 'convert', 'convert_checkpoint', 'export_checkpoint',
           'read', 'to_mmpose', 'write']
