"""What other programs call."""

from .complexity import Complexity, measure
from .optimization import OptimizedEstimator, optimize
from .predictor import Predictor

__all__ = ['Complexity', 'OptimizedEstimator', 'Predictor', 'measure', 'optimize']
