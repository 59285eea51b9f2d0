from . import transforms
from .synthetic import SyntheticCocoDataset

__all__ = ['SyntheticCocoDataset', 'transforms']
