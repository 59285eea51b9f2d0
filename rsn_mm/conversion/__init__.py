"""Checkpoints of the released RSN and MSPN code and of MMPose to ours, and ours to MMPose's."""

from .conversion import SOURCES, convert, convert_checkpoint, export_checkpoint, to_mmpose

__all__ = ['SOURCES', 'convert', 'convert_checkpoint', 'export_checkpoint', 'to_mmpose']
