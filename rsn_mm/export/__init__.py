"""Networks as files that run without this package, and the runtimes that run them."""

from .files import export_onnx, export_program
from .metadata import Metadata
from .quantization import export_int8

__all__ = ['Metadata', 'export_int8', 'export_onnx', 'export_program']
