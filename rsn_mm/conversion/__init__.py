"""Checkpoints of the released RSN and MSPN code and of MMPose to ours, and ours to MMPose's."""

from .exporting import export_checkpoint, to_mmpose
from .formats import SOURCES
from .importing import convert, convert_checkpoint

__all__ = ['SOURCES', 'convert', 'convert_checkpoint', 'export_checkpoint', 'to_mmpose']
