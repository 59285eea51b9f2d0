"""Measures exported networks on the data of a config."""

import copy
import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

import numpy as np
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import Runner

from rsn_mm.configuration import explained
from rsn_mm.errors import OptionError

from .estimator import ExportedEstimator


class AccuracyTest:
    """The test of a config for exported networks.

    Args:
        cfg: The config; ``test_dataloader`` and ``test_evaluator`` are used.
        metric: Name of a measured value that grows with the accuracy and lies in 0..1, such as
            ``'coco/AP'`` or ``'PCK'``; by default the one in
            ``default_hooks.checkpoint.save_best``.

    Raises:
        OptionError: If the config has no test, or does not name the metric.
        EntryError: If an entry of the config cannot be built.
    """

    def __init__(self, cfg: Config, metric: str | None = None) -> None:
        for key in ('test_dataloader', 'test_evaluator'):
            if not cfg.get(key):
                raise OptionError(f'the config has no {key}, which measures what int8 loses')
        hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
        best = hook.get('save_best')
        if metric is None and (not isinstance(best, str) or hook.get('rule') == 'less'):
            raise OptionError('metric is not given, and default_hooks.checkpoint of the config has '
                              f'save_best={best!r}, rule={hook.get("rule")!r}, expected the name '
                              "of a metric that grows with the accuracy, and rule='greater'")
        self.metric = str(metric or best)
        init_default_scope(cfg.get('default_scope') or 'mmpose')
        with explained(cfg), _quiet():
            self._loader = Runner.build_dataloader(copy.deepcopy(cfg.test_dataloader), seed=0)
            self._evaluator = Evaluator(copy.deepcopy(cfg.test_evaluator))
        self._evaluator.dataset_meta = self._loader.dataset.metainfo

    @property
    def num_samples(self) -> int:
        """Number of samples of a test."""
        return len(self._loader.dataset)

    def __call__(self, estimator: ExportedEstimator,
                 advance: Callable[[int], None] = lambda number: None) -> float:
        """Measure an estimator.

        Args:
            estimator: The exported network.
            advance: Called with a number of samples that are predicted.

        Returns:
            The metric.

        Raises:
            OptionError: If nothing of that name is measured, or it is not in 0..1.
        """
        with _quiet():
            for batch in self._loader:
                self._evaluator.process(estimator.test_step(batch), batch)
                advance(len(batch['inputs']))
            values = self._evaluator.evaluate(self.num_samples)
        if self.metric not in values:
            raise OptionError(f'metric={self.metric!r}, expected one of '
                              f'{", ".join(sorted(values))}')
        if not 0 <= values[self.metric] <= 1:
            raise OptionError(f'metric={self.metric!r} is {values[self.metric]:.4g}, expected one '
                              'that grows with the accuracy and lies in 0..1')
        return float(values[self.metric])


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what datasets and metrics print and log."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def calibration_crops(cfg: Config, loop: str, count: int) -> list[np.ndarray]:
    """Images of people as a test sees them, drawn from the data of a config.

    Args:
        cfg: The config; its test pipeline cuts the people out.
        loop: ``'train'``, ``'val'`` or ``'test'``, whose data are used. Where they are a mixture of
            datasets, the first one is used.
        count: Number of people, if there are as many; they are drawn at random, always the same.

    Returns:
        Crops (3, H, W) uint8, in BGR.

    Raises:
        OptionError: If the config has no such data.
        EntryError: If the dataset cannot be built.
    """
    part = (cfg.get(f'{loop}_dataloader') or {}).get('dataset') or {}
    while 'ann_file' not in part and ('dataset' in part or 'datasets' in part):
        part = part['dataset'] if 'dataset' in part else part['datasets'][0]
    if 'ann_file' not in part:
        raise OptionError(f'the config has no {loop}_dataloader.dataset with an ann_file, whose '
                          'images calibrate int8')
    part = copy.deepcopy(part)
    part.update(pipeline=copy.deepcopy(cfg.test_dataloader.dataset.pipeline), test_mode=True)
    with explained(cfg), _quiet():
        dataset = DATASETS.build(part)
    drawn = np.random.default_rng(0).permutation(len(dataset))[:count]
    return [dataset[int(i)]['inputs'].numpy() for i in np.sort(drawn)]
