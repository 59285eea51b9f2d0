"""Pictures of predictions, while validating and testing."""

from collections.abc import Sequence
from pathlib import Path

import mmcv
from mmengine.fileio import get
from mmengine.runner import Runner
from mmpose.engine.hooks import PoseVisualizationHook as MMPoseVisualizationHook
from mmpose.structures import PoseDataSample, merge_data_samples

from rsn_mm.errors import OptionError
from rsn_mm.files import name_part
from rsn_mm.registry import HOOKS


@HOOKS.register_module()
class PoseVisualizationHook(MMPoseVisualizationHook):
    """MMPose's hook with options that apply in validation and in testing alike.

    MMPose's draws every picture in testing, whatever ``interval`` is, and ignores ``out_dir`` in
    validation. In a distributed run only the first process draws, its share of the samples.

    Args:
        enable: Whether to draw at all.
        interval: Draw every N-th sample.
        kpt_thr: Keypoints below this score are left out.
        show: Show each picture in a window.
        wait_time: Seconds that a window stays open; 0 waits for a key.
        out_dir: Folder of the pictures. A relative one lies in the folder of the run,
            ``WORK_DIR/TIME``; in an absolute one the pictures go into a folder named by the time
            of the run. Those of a validation go into a folder per epoch. So nothing is written
            over. Without ``out_dir`` pictures go to the visualizer's backends.
        backend_args: How the images are read.

    Raises:
        OptionError: If ``interval`` is below 1.
    """

    def __init__(self, enable: bool = False, interval: int = 50, kpt_thr: float = 0.3,
                 show: bool = False, wait_time: float = 0., out_dir: str | None = None,
                 backend_args: dict | None = None) -> None:
        if interval < 1:
            raise OptionError(f'PoseVisualizationHook: interval={interval}, expected 1 or more')
        super().__init__(enable=enable, interval=interval, kpt_thr=kpt_thr, show=show,
                         wait_time=wait_time, out_dir=out_dir, backend_args=backend_args)

    def before_run(self, runner: Runner) -> None:
        """Draw with the run's visualizer, which need not be the last one of the process."""
        self._visualizer = runner.visualizer
        if self.show:  # as MMPose does with the last one
            self._visualizer._vis_backends = {}

    def before_val_epoch(self, runner: Runner) -> None:
        """Number the samples from 0."""
        self._test_index = 0

    before_test_epoch = before_val_epoch

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict,
                       outputs: Sequence[PoseDataSample]) -> None:
        """Draw those samples of a batch whose turn it is."""
        self._draw(runner, runner.val_evaluator.dataset_meta, outputs, f'epoch_{runner.epoch}')

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: dict,
                        outputs: Sequence[PoseDataSample]) -> None:
        """Draw those samples of a batch whose turn it is."""
        self._draw(runner, runner.test_evaluator.dataset_meta, outputs, '')

    def _draw(self, runner: Runner, dataset_meta: dict, outputs: Sequence[PoseDataSample],
              folder: str) -> None:
        if not self.enable:
            return
        self._visualizer.set_dataset_meta(dataset_meta)
        for sample in outputs:
            index = self._test_index
            self._test_index += 1
            if index % self.interval:
                continue
            path = Path(sample.img_path)
            image = mmcv.imfrombytes(
                get(str(path), backend_args=self.backend_args), channel_order='rgb')
            name = f'{path.stem}_{name_part(sample.get("id", index), index)}'
            out_file = None
            if self.out_dir is not None:
                out_file = str(self._folder(runner) / folder / f'{name}.jpg')
            self._visualizer.add_datasample(
                name, image, merge_data_samples([sample]), draw_gt=False, draw_bbox=True,
                draw_heatmap=True, show=self.show, wait_time=self.wait_time, kpt_thr=self.kpt_thr,
                out_file=out_file, step=index)

    def _folder(self, runner: Runner) -> Path:
        if Path(self.out_dir).is_absolute():
            return Path(self.out_dir, runner.timestamp)
        return Path(runner.log_dir, self.out_dir)
