"""What other programs call."""

from rsn_mm.analysis import Complexity, measure
from rsn_mm.export import export_int8, export_onnx, export_program
from rsn_mm.optimization import OptimizedEstimator, optimize
from rsn_mm.prediction import Predictor

__all__ = [
    'Complexity', 'OptimizedEstimator', 'Predictor', 'export_int8', 'export_onnx',
    'export_program', 'measure', 'optimize',
]
