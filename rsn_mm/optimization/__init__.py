"""The test-time form of an estimator."""

from .estimator import DTYPES, OptimizedEstimator, optimize

__all__ = ['DTYPES', 'OptimizedEstimator', 'optimize']
