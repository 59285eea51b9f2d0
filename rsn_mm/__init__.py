"""RSN (Residual Steps Network) and the multi-stage training of MSPN, as a plugin of MMPose."""

from . import threads

threads.wait_without_spinning()  # before torch is imported

from . import compat  # noqa: E402

compat.apply()

from . import (  # noqa: E402, F401  (registers)
    apis,
    checkpoints,
    codecs,
    conversion,
    datasets,
    engine,
    evaluation,
    models,
)
from .version import __version__  # noqa: E402

# `rsn_mm.checkpoints.convert` is a public name, but its package must not import upwards.
for _name in conversion.__all__:
    setattr(checkpoints, _name, getattr(conversion, _name))

__all__ = ['__version__']
