"""Times each step that a user waits for against MMPose, in the same process."""

import rsn_mm  # noqa: F401  # before mmpose, whose imports it mends

from .steps import STEPS
from .timing import Race, Times

__all__ = ['STEPS', 'Race', 'Times']
