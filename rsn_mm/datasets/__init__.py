from . import transforms
from .mpii import MpiiDataset
from .synthetic import SyntheticCocoDataset

__all__ = ['MpiiDataset', 'SyntheticCocoDataset', 'transforms']
