"""MMPose's visualizer draws joints under any NumPy."""

import numpy as np
import pytest
from mmpose.visualization.opencv_backend_visualizer import OpencvBackendVisualizer

from rsn_mm.compat import visualizer_circles


@pytest.mark.parametrize('radius', [3, np.array([3]), np.array([3.])])
def test_a_radius_is_a_number_or_an_array_of_one(radius):
    visualizer_circles.mend()  # again, which must not wrap the function twice
    visualizer = OpencvBackendVisualizer(backend='opencv')
    visualizer.set_image(np.zeros((20, 20, 3), np.uint8))
    visualizer.draw_circles(np.array([10., 8.]), radius=radius, face_colors=(0, 0, 255))
    rows, columns = np.nonzero(visualizer.get_image()[..., 2])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 11, 7, 13)


def test_nothing_is_mended_where_numpy_converts(monkeypatch):
    before = object()
    monkeypatch.setattr(OpencvBackendVisualizer, 'draw_circles', before)
    monkeypatch.setattr(visualizer_circles, '_converts', lambda: True)
    visualizer_circles.mend()
    assert OpencvBackendVisualizer.draw_circles is before
