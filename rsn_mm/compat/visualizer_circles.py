"""mmpose's visualizer converts an array with one radius to an int, which NumPy 2.4 refuses."""

import functools
import warnings

import numpy as np


def mend() -> None:
    """Pass the radius as a number if NumPy does not convert an array to one."""
    if _converts():
        return
    from mmpose.visualization.opencv_backend_visualizer import OpencvBackendVisualizer

    original = OpencvBackendVisualizer.draw_circles
    if getattr(original, 'mended', False):
        return

    @functools.wraps(original)
    def draw_circles(self, center, radius, *args, **kwargs):
        if self.backend == 'opencv':
            radius = np.asarray(radius).item()
        return original(self, center, radius, *args, **kwargs)

    draw_circles.mended = True  # type: ignore[attr-defined]
    OpencvBackendVisualizer.draw_circles = draw_circles


def _converts() -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            int(np.zeros(1))
        except TypeError:
            return False
    return True
