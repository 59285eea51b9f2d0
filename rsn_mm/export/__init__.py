"""Networks as files that run without this package, and the runtimes that run them."""

from .files import export_onnx, export_program
from .metadata import Metadata

__all__ = ['Metadata', 'export_onnx', 'export_program']
