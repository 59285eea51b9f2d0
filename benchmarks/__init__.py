"""What a user waits for, timed against MMPose in the same process."""

from .steps import STEPS
from .timing import Race, Times

__all__ = ['STEPS', 'Race', 'Times']
