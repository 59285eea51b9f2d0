"""Which visualizer the hook draws with. Its pictures are tested with the commands."""

from types import SimpleNamespace

import pytest
from mmengine.visualization import Visualizer
from mmpose.visualization import PoseLocalVisualizer

from rsn_mm.engine import PoseVisualizationHook


@pytest.mark.parametrize('show', [False, True])
def test_the_visualizer_is_that_of_the_run(tmp_path, show):
    visualizer = PoseLocalVisualizer(
        vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path))
    Visualizer.get_instance(f'of another run, {show}')  # the last one of the process
    hook = PoseVisualizationHook(enable=True, show=show)
    hook.before_run(SimpleNamespace(visualizer=visualizer))
    assert hook._visualizer is visualizer
    assert bool(visualizer._vis_backends) is not show
