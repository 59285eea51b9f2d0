"""Patches for what is broken in the installed packages, and the only place that patches any.

The OpenMMLab packages have had no release that follows today's Python, torch and NumPy. Each
module here mends one symptom, does so only where the symptom occurs, and can be applied twice
without harm. ``docs/install.md`` lists the symptoms.
"""

from . import pkg_resources_finder
from .stack import StackError, check_stack

__all__ = ['StackError', 'apply']


def apply() -> None:
    """Check the installed packages and patch them; safe to call again.

    Raises:
        StackError: If a package is missing, broken, or of a version that does not work here. The
            message is one sentence with the command that mends it.
    """
    pkg_resources_finder.mend()
    check_stack()
    # These import the packages, so they must wait until the packages have been checked.
    from . import (
        checkpoint_types,
        compiled_training,
        config_formatting,
        missing_heatmaps,
        mmcv_extension,
        package_configs,
        torchvision_stand_in,
        visualizer_circles,
    )

    mmcv_extension.mend()
    torchvision_stand_in.mend()
    checkpoint_types.mend()
    visualizer_circles.mend()
    compiled_training.mend()
    config_formatting.mend()
    missing_heatmaps.mend()
    package_configs.mend()
