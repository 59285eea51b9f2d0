"""mmpose's visualizer turns an array of one radius into an int, which NumPy 2.4 refuses."""

import functools
import warnings

import numpy as np


def mend() -> None:
    """Hand the radius on as a number, where NumPy does not turn an array into one."""
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

    draw_circles.mended = True
    OpencvBackendVisualizer.draw_circles = draw_circles


def _converts() -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            int(np.zeros(1))
        except TypeError:
            return False
    return True
