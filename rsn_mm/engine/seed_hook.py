"""Random numbers of training that a resumed run draws again."""

import random
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from rsn_mm.datasets.checks import leaf_datasets, transforms_of
from rsn_mm.registry import HOOKS

SAMPLER_SEED = 'sampler_seed'


@HOOKS.register_module()
class SeedHook(Hook):
    """Derives the random numbers of training from the run's seed and from where it stands.

    The augmentation of a sample follows from the seed, the epoch and the sample's index, whichever
    worker loads it; what the model draws follows from the seed, the iteration and the process. A
    resumed run therefore equals the unbroken one. mmengine seeds once, at the start, and a resumed
    run repeats the numbers of the first epoch.

    Nothing is done in training by iterations (``by_epoch=False``), which has no epochs. Samples
    that a wrapper such as ``RepeatDataset`` takes several times in an epoch are left to mmengine's
    seeds, because all copies of a sample would be augmented alike.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Put the seeds in place; the run's own seed is known by now, also in a resumed run."""
        self._epoch: torch.Tensor | None = None
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            return
        _restore_sampler(runner)
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # workers see it change
        dataset = runner.train_loop.dataloader.dataset
        if _repeats_samples(dataset):
            runner.logger.info(f'{type(dataset).__name__} may take a sample several times in an '
                               'epoch: the augmentation of a resumed run is not that of an '
                               'unbroken one')
            return
        for number, leaf in enumerate(leaf_datasets(dataset)):
            if transforms_of(leaf):
                leaf.pipeline.transforms.insert(0, SeedSample(runner.seed, number, self._epoch))

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell the workers which epoch begins."""
        if self._epoch is not None:
            self._epoch.fill_(runner.epoch)

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: dict | None = None) -> None:
        """Seed what the model draws."""
        if self._epoch is not None:
            words = _words(runner.seed, get_rank(), runner.iter)
            _seed(words)
            torch.manual_seed(int(words[0]))  # of the GPUs too


class SeedSample:
    """The first transform of a pipeline: seeds all that follow.

    Args:
        seed: Seed of the run.
        dataset: Number of the dataset among those of a run.
        epoch: Number of the epoch () int64, in memory that all processes share.
    """

    def __init__(self, seed: int, dataset: int, epoch: torch.Tensor) -> None:
        self._seed = seed
        self._dataset = dataset
        self._epoch = epoch

    def __call__(self, results: dict) -> dict:
        """Seed the transforms of a sample."""
        _seed(_words(self._seed, self._dataset, int(self._epoch), results['sample_idx']))
        return results


def _words(*numbers: int) -> np.ndarray:
    """Random words (4,) uint32 that differ wherever any of the numbers does."""
    return np.random.SeedSequence([int(number) for number in numbers]).generate_state(4)


def _seed(words: np.ndarray) -> None:
    np.random.seed(words)
    random.seed(int(words[1]))
    torch.default_generator.manual_seed(int(words[2]))


def _restore_sampler(runner: Runner) -> None:
    """Order the samples as the run that is resumed, which may have drawn its seed."""
    sampler = _sampler(runner.train_loop.dataloader)
    if sampler is None:
        return
    hub = runner.message_hub
    if SAMPLER_SEED in hub.runtime_info:
        sampler.seed = hub.get_info(SAMPLER_SEED)
    else:
        hub.update_info(SAMPLER_SEED, sampler.seed)


def _sampler(loader: DataLoader) -> Any:
    candidates = (loader.sampler, loader.batch_sampler, getattr(
        loader.batch_sampler, 'sampler', None))
    return next((sampler for sampler in candidates if hasattr(sampler, 'seed')), None)


def _repeats_samples(dataset: object) -> bool:
    if hasattr(dataset, 'datasets'):
        return any(map(_repeats_samples, dataset.datasets))
    return hasattr(dataset, 'dataset')
