"""Mends the stack before any test module imports MMPose."""

import rsn_mm  # noqa: F401
