"""Checks, before the first image is read, that data, codec and head fit one another."""

from collections.abc import Iterator
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmpose.models.heads.base_head import BaseHead
from torch.distributed.fsdp import FullyShardedDataParallel

from rsn_mm.datasets.checks import (
    DataError,
    check_dataset,
    leaf_datasets,
    source_of,
    transforms_of,
)
from rsn_mm.datasets.doubtful_labels import doubtful_labels
from rsn_mm.datasets.image_files import look_at_headers
from rsn_mm.errors import OptionError
from rsn_mm.evaluation.coco import check_ground_truth
from rsn_mm.registry import HOOKS

from .trial import check_same_images, try_run


@HOOKS.register_module()
class CheckDataHook(Hook):
    """Checks the datasets of a run against themselves and against the model, before it starts.

    What MMPose's datasets skip silently is logged in one line per dataset, and there is a warning
    for labels that are probably mistakes, and for images of another size than the file says. The
    headers of all images are read for :data:`rsn_mm.datasets.image_files.TIME_LIMIT` seconds at
    most. Then one sample goes through everything that the run will do: pipelines, loss, prediction
    and metrics. The first process checks and tells the others, so that all of them stop.

    Raises:
        DataError: See :func:`rsn_mm.datasets.checks.check_dataset`; if an image file is empty or
            no image; if the numbers of joints of dataset and head, or the sizes of pipeline and
            head, differ; if an annotation file lacks what COCO's evaluation needs; if a metric
            refuses the dataset in its ``check_dataset``; and if one of validation in training has
            a ``result_file``.
        OptionError: See :func:`rsn_mm.engine.trial.try_run`; and if a metric has the annotations
            of other images.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Check the datasets of the loops that are built; the others are not run."""
        outcome: list[str | None] = [None]
        cause: DataError | OptionError | None = None
        if is_main_process():
            try:
                self._check(runner)
            except Exception as error:  # of any kind, lest the others wait forever
                outcome = [str(error)]
                if not isinstance(error, (DataError, OptionError)):
                    broadcast_object_list(outcome)
                    raise
                cause = error
        broadcast_object_list(outcome)
        if outcome[0] is not None:
            raise (DataError if cause is None else type(cause))(outcome[0]) from (
                cause and cause.__cause__)

    def _check(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        heads = [module for module in model.modules() if isinstance(module, BaseHead)]
        for mode, dataset, evaluator in _datasets(runner):
            prefix = 'val' if mode == 'Validation' else 'test'
            for leaf in leaf_datasets(dataset):
                runner.logger.info(f'{mode} data, {check_dataset(leaf)}')
                headers = look_at_headers(leaf)
                if headers is not None:
                    runner.logger.info(f'{mode} data, {headers.summary()}')
                for line in (*doubtful_labels(leaf), headers and headers.doubts()):
                    if line is not None:
                        runner.logger.warning(f'{mode} data, {line}')
            for head in heads:
                check_head(head, dataset, getattr(model, 'test_cfg', None), mode)
            for i, metric in enumerate(getattr(evaluator, 'metrics', ())):
                if (mode == 'Validation' and hasattr(runner._train_loop, 'dataloader')
                        and getattr(metric, 'result_file', None) is not None):
                    raise DataError(
                        f'val_evaluator: result_file {metric.result_file} is written once, but '
                        'training validates many times: set it in test_evaluator, and test the '
                        'checkpoint')
                check_ground_truth(metric)
                if type(evaluator) is Evaluator:  # and not one for several datasets
                    check_same_images(metric, dataset, f'{prefix}_evaluator.{i}')
                if hasattr(metric, 'check_dataset'):
                    metric.check_dataset(dataset)
        if not isinstance(runner.model, FullyShardedDataParallel):  # no process has all weights
            try_run(runner, model)


def _datasets(runner: Runner) -> Iterator[tuple[str, object, Evaluator | None]]:
    loops = (('Training', runner._train_loop), ('Validation', runner._val_loop),
             ('Test', runner._test_loop))
    for mode, loop in loops:
        # Runner's public properties would build the loops that this run does not need.
        if hasattr(loop, 'dataloader'):
            yield mode, loop.dataloader.dataset, getattr(loop, 'evaluator', None)


def check_head(head: BaseHead, dataset: object, test_cfg: dict | None, mode: str) -> None:
    """Check that a head and a dataset mean the same joints and sizes.

    Args:
        head: Head of a model; its codec is checked if it has one.
        dataset: Dataset, possibly of datasets.
        test_cfg: The model's ``test_cfg``, whose ``output_keypoint_indices`` choose joints.
        mode: ``'Training'``, ``'Validation'`` or ``'Test'``, for the message.

    Raises:
        DataError: If the head's ``out_channels`` are not the number of joints, or the sizes of
            ``TopdownAffine``, ``PackInputSizes`` or ``GenerateTarget`` differ from the codec's.
    """
    chosen = None if mode == 'Training' else (test_cfg or {}).get('output_keypoint_indices')
    channels = getattr(head, 'out_channels', None)
    for where in (dataset, *leaf_datasets(dataset)):
        transforms = transforms_of(where)
        _check_joints(where, transforms, len(chosen) if chosen is not None else channels, mode)
        for transform in transforms:
            _check_sizes(source_of(where), transform, getattr(head, 'decoder', None), mode)


def _check_joints(dataset: object, transforms: list, channels: int | None, mode: str) -> None:
    """A ``KeypointConverter`` in the pipeline changes the number of joints of the dataset."""
    joints = getattr(dataset, 'metainfo', {}).get('num_keypoints')
    for transform in transforms:
        if type(transform).__name__ == 'KeypointConverter':
            joints = transform.num_keypoints
    if joints is not None and channels is not None and joints != channels:
        raise DataError(f'{mode} data, {source_of(dataset)}: {joints} joints, but the head has '
                        f'out_channels={channels}')


def _check_sizes(source: str, transform: object, codec: Any, mode: str) -> None:
    if codec is None:
        return
    encoders = getattr(transform, 'encoder', None) or ()
    for encoder in encoders if isinstance(encoders, (list, tuple)) else [encoders]:
        if type(encoder) is not type(codec):
            raise DataError(f'{mode} data, {source}: the codec of GenerateTarget is '
                            f'{type(encoder).__name__}, but that of the head (decoder) is '
                            f'{type(codec).__name__}')
        for name in ('input_size', 'heatmap_size'):
            here, there = (getattr(c, name, None) for c in (encoder, codec))
            if here is not None and there is not None and tuple(here) != tuple(there):
                raise DataError(f'{mode} data, {source}: the codec of GenerateTarget has {name}='
                                f'{tuple(here)}, but that of the head (decoder) {tuple(there)}')
        if getattr(transform, 'use_dataset_keypoint_weights', False) and getattr(
                encoder, 'targets', None) == 'joints':
            raise DataError(f'{mode} data, {source}: use_dataset_keypoint_weights of '
                            "GenerateTarget has no effect with the codec's targets='joints'")
    sizes_wh = getattr(transform, 'input_sizes', None)
    if sizes_wh is not None and tuple(codec.input_size) not in sizes_wh:
        raise DataError(f'{mode} data, {source}: {type(transform).__name__} has input_sizes='
                        f'{sizes_wh}, none of which is that of the codec of a head (decoder), '
                        f'{tuple(codec.input_size)}')
    size_wh = getattr(transform, 'input_size', None)
    if size_wh is not None and tuple(size_wh) != tuple(codec.input_size):
        raise DataError(f'{mode} data, {source}: {type(transform).__name__} has input_size='
                        f'{tuple(size_wh)}, but the codec of the head (decoder) '
                        f'{tuple(codec.input_size)}')
