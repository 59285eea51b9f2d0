from rsn_mm.synthetic import SyntheticCocoDataset

from . import transforms
from .mpii import MpiiDataset

__all__ = ['MpiiDataset', 'SyntheticCocoDataset', 'transforms']
