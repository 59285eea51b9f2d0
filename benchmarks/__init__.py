"""Times each step that a user waits for against MMPose, in the same process."""

from .steps import STEPS
from .timing import Race, Times

__all__ = ['STEPS', 'Race', 'Times']
