"""Training with CUDA graphs."""

from collections.abc import Sequence

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import nn

from rsn_mm.models import MultiStageRSNHead
from rsn_mm.optimization.training_graphs import TrainingGraphs
from rsn_mm.registry import HOOKS


@HOOKS.register_module()
class CudaGraphHook(Hook):
    """Trains with CUDA graphs where they can be used, and says so in the log.

    They are used on one GPU, for an estimator with our head and without a neck, see
    :class:`~rsn_mm.optimization.training_graphs.TrainingGraphs`. They are not used in a distributed
    run, with ``compile``, with ``accumulative_counts`` above 1, with ``with_cp`` or with
    ``SyncBN``. The log then names the reason. The result is the same up to rounding.

    Example:
        >>> from rsn_mm.registry import HOOKS
        >>> HOOKS.build(dict(type='rsn_mm.CudaGraphHook')).priority
        'VERY_LOW'
    """

    priority = 'VERY_LOW'

    def __init__(self) -> None:
        self._graphs: TrainingGraphs | None = None
        self._is_ready = False

    def before_train_epoch(self, runner: Runner) -> None:
        """Install the graphs again after a validation."""
        if self._graphs is not None:
            self._graphs.install()

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: dict | None = None) -> None:
        """Capture the graphs at the first batch."""
        if self._is_ready or data_batch is None:
            return
        self._is_ready = True
        if not torch.cuda.is_available():
            return
        reason = obstacle(runner)
        if reason is not None:
            print_log(f'no CUDA graphs: {reason}', 'current')
            return
        images = runner.model.data_preprocessor(data_batch, True)['inputs']
        with runner.optim_wrapper.optim_context(runner.model):
            self._graphs = TrainingGraphs(runner.model, images)
        self._graphs.install()
        print_log(f'CUDA graphs for batches of {len(images)} images', 'current')

    def after_train_epoch(self, runner: Runner) -> None:
        """Leave the model as it was, for hooks that copy it."""
        if self._graphs is not None:
            self._graphs.remove()


def obstacle(runner: Runner) -> str | None:
    """Why graphs cannot be used in this run; ``None`` if they can."""
    model = runner.model
    if is_model_wrapper(model):
        return 'the run is distributed'
    if runner.cfg.get('compile'):
        return 'the model is compiled'
    if type(model) is not TopdownPoseEstimator or not isinstance(model.head, MultiStageRSNHead):
        return 'the model is not a TopdownPoseEstimator with MultiStageRSNHead'
    if model.with_neck:
        return 'the model has a neck'
    if getattr(runner.optim_wrapper, '_accumulative_counts', 1) > 1:
        return 'accumulative_counts is above 1'
    return _unfit(list(model.modules()))


def _unfit(modules: Sequence[nn.Module]) -> str | None:
    if any(isinstance(module, nn.SyncBatchNorm) for module in modules):
        return 'SyncBN'
    if any(getattr(module, 'with_cp', False) for module in modules):
        return 'with_cp=True'
    return None
