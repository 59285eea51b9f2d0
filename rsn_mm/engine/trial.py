"""Tries a run with one sample, so that what fails late fails before the first iteration."""

import copy
import io
import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, Compose, DefaultSampler, InfiniteSampler
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import CheckpointHook
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

from rsn_mm.configuration.building import explained, naming_part, reason_of
from rsn_mm.configuration.values import where
from rsn_mm.datasets.checks import keyed_leaf_datasets, source_of, transforms_of
from rsn_mm.datasets.running_transforms import run_transforms
from rsn_mm.errors import EntryError, OptionError, RsnMmError

#: Attributes of a metric that writes a file instead of, or besides, measuring.
WRITES = ('result_file', 'out_file_path', 'outfile_prefix', 'format_only')
#: A choice of ``save_best`` that takes the first metric.
AUTO = 'auto'


@contextmanager
def without_traces(model: nn.Module, logger: logging.Logger) -> Iterator[None]:
    """Leave random numbers, the mode of the model, the screen and the log as they were."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    states = random.getstate(), np.random.get_state()
    modes = [(module, module.training) for module in model.modules()]
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with torch.random.fork_rng(devices), torch.no_grad(), redirect_stdout(io.StringIO()):
            model.eval()  # running statistics stay as they are
            yield
    finally:
        logger.setLevel(level)
        for module, mode in modes:
            module.training = mode
        random.setstate(states[0])
        np.random.set_state(states[1])


def packed_sample(dataset: Any, key: str) -> Any:
    """The first sample of a dataset after its pipeline.

    Every dataset in a wrapper is tried.

    Args:
        dataset: Dataset or wrapper.
        key: Its key in the config.

    Raises:
        OptionError, DataError: If a transform fails.
    """
    for leaf, its_key in keyed_leaf_datasets(dataset, key):
        if isinstance(leaf, BaseDataset):
            first = leaf.get_data_info(0)
            *_, packed = (first, *run_transforms(transforms_of(leaf), first,
                                                 f'{its_key}.pipeline'))
            if leaf is dataset:
                return packed
    try:
        return dataset[0]
    except RsnMmError:
        raise
    except Exception as error:
        raise EntryError(f'{key} ({type(dataset).__name__}) fails: {reason_of(error)}') from error


def try_other_pipeline(pipeline: Sequence[dict], dataset: BaseDataset, key: str, cfg: Config
                       ) -> None:
    """Run a pipeline that is not built in this run on a sample of a dataset that is.

    Raises:
        OptionError, DataError: If a transform cannot be built, or fails.
    """
    with explained(cfg):
        transforms = Compose(pipeline).transforms
    for _ in run_transforms(transforms, dataset.get_data_info(0), key):
        pass


def try_training(model: Any, loader: DataLoader) -> None:
    """Compute the loss of one sample.

    Raises:
        OptionError: If the model cannot; the message names the part of the model.
    """
    batch = _batch(loader, 'train_dataloader')
    with naming_part(model, 'the loss of a training sample'):
        model._run_forward(model.data_preprocessor(batch, True), mode='loss')


def try_prediction(model: Any, loader: DataLoader, evaluator: Evaluator, mode: str
                   ) -> set[str] | None:
    """Predict one sample and measure the prediction.

    Args:
        model: The model.
        loader: Of validation or test.
        evaluator: Its metrics stay as they are.
        mode: ``'val'`` or ``'test'``, for messages.

    Returns:
        The names of what the metrics measure; ``None`` if not all of them can be told.

    Raises:
        OptionError: If the model cannot predict, or a metric cannot measure.
    """
    batch = _batch(loader, f'{mode}_dataloader')
    with naming_part(model, f'the prediction of a sample of {mode}_dataloader'):
        predictions = model.val_step(batch)
    if type(evaluator) is not Evaluator:  # whose metrics may be for different datasets
        return None
    names: set[str] = set()
    are_all_known = True
    for i, metric in enumerate(evaluator.metrics):
        found = _measure(metric, batch, predictions, f'{mode}_evaluator.{i}')
        are_all_known &= found is not None
        names |= found or set()
    return names if are_all_known else None


def check_save_best(hooks: Sequence, names: set[str]) -> None:
    """Refuse a ``save_best`` that no metric has.

    Args:
        hooks: Of a runner.
        names: Of what is measured.

    Raises:
        OptionError: If a name is not among them.
    """
    for hook in hooks:
        if isinstance(hook, CheckpointHook):
            for name in hook.save_best or ():
                if name not in (AUTO, *names):
                    raise OptionError(f'default_hooks.checkpoint.save_best is {name!r}, expected '
                                      f'one of {", ".join(sorted(names))}')


def _batch(loader: DataLoader, key: str) -> Any:
    """A batch of the first sample, after a look at what the sampler does."""
    if isinstance(loader.sampler, DefaultSampler):  # others may go on behind their start
        try:
            for _ in loader.batch_sampler or ():
                break
        except Exception as error:
            raise EntryError(f'{key}.sampler ({type(loader.sampler).__name__}) fails: '
                             f'{reason_of(error)}') from error
    return loader.collate_fn([packed_sample(loader.dataset, f'{key}.dataset')])


def _measure(metric: BaseMetric, batch: Any, predictions: Sequence, key: str) -> set[str] | None:
    if any(getattr(metric, name, None) for name in WRITES):
        return None
    # A converter of the annotations changes them in place.
    metric = (copy.deepcopy if getattr(metric, 'gt_converter', None) else copy.copy)(metric)
    metric.results = []
    samples = [each.to_dict() if hasattr(each, 'to_dict') else each for each in predictions]
    try:
        metric.process(batch, samples)
        found = metric.compute_metrics(metric.results)
    except RsnMmError:
        raise
    except Exception as error:
        raise EntryError(f'{key} ({type(metric).__name__}) cannot measure the prediction of a '
                         f'sample: {reason_of(error)}') from error
    names = {*found, *getattr(metric, 'names', ())}
    return {f'{metric.prefix}/{name}' for name in names} if metric.prefix else names


def try_run(runner: Runner, model: nn.Module) -> None:
    """Try one sample in everything that a run will do.

    Args:
        runner: Its loops are built.
        model: The runner's model without a wrapper.

    Raises:
        OptionError: If a transform, the model or a metric fails, or ``save_best`` of the
            checkpoints is not measured. The message names the key in the config.
        DataError: If a transform refuses the data.
    """
    try:
        with without_traces(model, runner.logger):
            _try_loops(runner, model)
    except OptionError as error:
        start, text = where(runner.cfg), str(error)
        message = text if text.startswith(start) else f'{start}{text}'
        raise EntryError(message) from error.__cause__ or error


def _try_loops(runner: Runner, model: nn.Module) -> None:
    training, val, test = (loop if hasattr(loop, 'dataloader') else None for loop in (
        runner._train_loop, runner._val_loop, runner._test_loop))
    if training is not None:
        _check_that_epochs_end(training)
        try_training(model, training.dataloader)
    for loop, mode in ((val, 'val'), (test, 'test')):
        if loop is not None:
            names = try_prediction(model, loop.dataloader, loop.evaluator, mode)
            if training is not None and names is not None:
                check_save_best(runner.hooks, names)
    if val is not None and test is None:
        _try_test_pipeline(runner.cfg, val.dataloader.dataset)


def _check_that_epochs_end(loop: BaseLoop) -> None:
    sampler = loop.dataloader.sampler
    if isinstance(loop, EpochBasedTrainLoop) and isinstance(sampler, InfiniteSampler):
        raise OptionError(f'train_dataloader.sampler is {type(sampler).__name__}, with which an '
                          'epoch never ends; expected DefaultSampler, or train_cfg=dict('
                          'by_epoch=False, ...)')


def _try_test_pipeline(cfg: Config, dataset: object) -> None:
    """A training with a validation tries the pipeline of the test that will follow it, too."""
    def pipeline(mode: str) -> Any:
        loader = cfg.get(f'{mode}_dataloader')
        inner = loader.get('dataset') if isinstance(loader, Mapping) else None
        return inner.get('pipeline') if isinstance(inner, Mapping) else None

    if isinstance(dataset, BaseDataset) and pipeline('test') not in (None, pipeline('val')):
        try_other_pipeline(pipeline('test'), dataset, 'test_dataloader.dataset.pipeline', cfg)


def check_same_images(metric: Any, dataset: Any, key: str) -> None:
    """Refuse a metric that compares with the annotations of other images than the dataset's.

    Args:
        metric: Any metric; one with annotations in COCO's format is looked at.
        dataset: Dataset, possibly of datasets.
        key: The metric's key in the config.

    Raises:
        OptionError: If an image of the dataset is not in the metric's file, or is another one
            there.
    """
    images = getattr(getattr(metric, 'coco', None), 'imgs', None)
    if not images:
        return
    for leaf, _ in keyed_leaf_datasets(dataset, ''):
        for i in range(len(leaf)):
            sample = BaseDataset.get_data_info(leaf, i)
            here, there = str(sample.get('img_path')), images.get(sample.get('img_id'))
            name = '' if there is None else str(there.get('file_name', ''))
            if there is None or name and not here.endswith(name.rpartition('/')[2]):
                raise OptionError(
                    f'{key}.ann_file ({type(metric).__name__}) is not that of the data: image '
                    f'{sample.get("img_id")} of {source_of(leaf)} is {here}, and '
                    + (f'{name} in the file' if name else 'the file has none of this id'))
