"""Training by epochs that can go on from any iteration."""

from typing import Any

from mmengine.runner import EpochBasedTrainLoop
from torch import nn
from torch.utils.data import DataLoader

from rsn_mm.errors import OptionError
from rsn_mm.registry import LOOPS

#: Names in the message hub, which is part of a checkpoint. Batches that an interrupted epoch has
#: behind it, with the number that it consists of; the iteration after which the last validation
#: ended.
BATCHES_DONE = 'batches_done'
VALIDATED_AT = 'validated_at'


@LOOPS.register_module()
class TrainLoop(EpochBasedTrainLoop):
    """mmengine's loop, but a resumed run makes up for what the interrupted one missed.

    A checkpoint that :class:`rsn_mm.CheckpointHook` wrote within an epoch is followed by the
    batches that were left of that epoch. If the run was ended before or during a validation, that
    validation comes first.

    Args:
        kwargs: Of mmengine's ``EpochBasedTrainLoop``: ``max_epochs``, ``val_interval``,
            ``val_begin``, ``dynamic_intervals``.
    """

    def run(self) -> nn.Module:
        """Train, and validate in between."""
        self._num_skipped = self._batches_done()
        self.runner.call_hook('before_train')
        if self._iter and not self._num_skipped:  # resumed between two epochs
            self._validate_if_due()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._validate_if_due()
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """Train one epoch, or what is left of it."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        done, self._num_skipped = self._num_skipped, 0
        loader = rest_of(self.dataloader, done) if done else self.dataloader
        for index, batch in enumerate(loader, done):
            self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _batches_done(self) -> int:
        done, count = self.runner.message_hub.runtime_info.get(BATCHES_DONE, (0, 0))
        self.runner.message_hub.pop_info(BATCHES_DONE, None)
        if done and count != len(self.dataloader):
            raise OptionError(
                f'the checkpoint was written after {done} of {count} batches of an epoch, but an '
                f'epoch has {len(self.dataloader)} batches now: go on with the same data, batch '
                'size and number of processes, or from the checkpoint of an epoch')
        return done

    def _validate_if_due(self) -> None:
        self._decide_current_val_interval()
        is_due = self._epoch >= self.val_begin and (
            self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs)
        validated_at = self.runner.message_hub.runtime_info.get(VALIDATED_AT)
        if is_due and self.runner.val_loop is not None and validated_at != self._iter:
            self.runner.val_loop.run()


def rest_of(loader: DataLoader, num_batches: int) -> DataLoader:
    """A loader of the batches that follow the first ones of an epoch, which it does not load."""
    workers = {} if loader.num_workers == 0 else dict(
        prefetch_factor=loader.prefetch_factor, worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context, timeout=loader.timeout)
    batches: Any = loader.batch_sampler
    return DataLoader(
        loader.dataset, batch_sampler=list(batches)[num_batches:],
        num_workers=loader.num_workers, collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory, **workers)
