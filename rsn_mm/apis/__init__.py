"""What other programs call."""

from .complexity import Complexity, measure
from .optimization import OptimizedEstimator, optimize

__all__ = ['Complexity', 'OptimizedEstimator', 'measure', 'optimize']
