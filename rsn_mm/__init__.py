"""RSN (Residual Steps Network) and the multi-stage training of MSPN, as a plugin of MMPose."""

from . import compat

compat.apply()

from . import (  # noqa: E402, F401  (registers)
    apis,
    checkpoints,
    codecs,
    datasets,
    engine,
    evaluation,
    models,
)
from .version import __version__  # noqa: E402

__all__ = ['__version__']
