"""Checkpoints that survive a kill at any moment."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.logging import MMLogger
from mmengine.runner import IterBasedTrainLoop, Runner

from rsn_mm.errors import OptionError
from rsn_mm.files import written_whole
from rsn_mm.registry import HOOKS

from .train_loop import BATCHES_DONE, VALIDATED_AT, TrainLoop

BACKEND = 'rsn_mm_checkpoints'
#: Name of a checkpoint within an epoch: the epochs, and the batches of the next one, behind it.
PARTIAL_NAME = 'epoch_{}_plus_{}.pth'
#: Beginnings of warnings about classes that mmengine's hook uses itself, for old options.
OWN_WARNINGS = ('"FileClient" will be deprecated', '"HardDiskBackend" is the alias')


class CheckpointBackend(LocalBackend):
    """Local files that appear whole or not at all, and are removed by :meth:`remove_outdated`."""

    def __init__(self) -> None:
        super().__init__()
        self._outdated: list[str] = []

    def put(self, obj: bytes, filepath: str) -> None:
        """Write a file beside its place and move it there once it is on the disk."""
        os.makedirs(os.path.dirname(filepath), exist_ok=True)
        with written_whole(filepath) as file:
            file.write(obj)

    def remove(self, filepath: str) -> None:
        """Remember a file to remove."""
        self._outdated.append(filepath)

    def remove_outdated(self, keep: set) -> None:
        """Remove the files that were to be removed, except those in ``keep``."""
        for path in self._outdated:
            if path not in keep and os.path.exists(path):
                os.remove(path)
        self._outdated.clear()


register_backend(BACKEND, CheckpointBackend, force=True)


@HOOKS.register_module()
class CheckpointHook(MMEngineCheckpointHook):
    """mmengine's hook, but it never removes or half-writes what a resumed run needs.

    mmengine removes the outdated checkpoint before it writes the new one (the only one, with
    ``max_keep_ckpts=1``), and writes over the newest one when it finds a best score. This hook
    writes a checkpoint beside its place and moves it there, and removes outdated ones afterwards.
    For any other storage than local files (``backend_args``, or an ``out_dir`` with a prefix) it
    does as mmengine's does.

    A checkpoint within an epoch is named by the epochs and the batches that are behind it, such as
    ``epoch_3_plus_40.pth``. It is removed when the next checkpoint has been written. After each
    validation the checkpoint of the epoch is written again, so that a resumed run knows that the
    validation has ended.

    Args:
        minutes: Write a checkpoint within the epoch, too, if the last one is older.
        kwargs: Of mmengine's ``CheckpointHook``.

    Raises:
        OptionError: If ``minutes`` is not positive, or is set for a loop that cannot go on within
            an epoch.

    Example:
        >>> from rsn_mm.registry import HOOKS
        >>> hook = HOOKS.build(dict(type='rsn_mm.CheckpointHook', interval=5, max_keep_ckpts=1))
        >>> hook.interval, hook.backend_args
        (5, {'backend': 'rsn_mm_checkpoints'})
    """

    last_ckpt: str
    best_ckpt_path: str | None

    def __init__(self, *args, minutes: float | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if minutes is not None and not minutes > 0:
            raise OptionError(f'CheckpointHook: minutes={minutes}, expected more than 0')
        self.minutes = minutes
        is_local = '://' not in str(self.out_dir or '')
        self.backend_args: dict | None = self.backend_args or (
            dict(backend=BACKEND) if is_local else None)
        #: Iteration of the checkpoint that ``last_checkpoint`` names, and whether it knows that
        #: the validation after that iteration has ended.
        self._saved: tuple[int, bool] | None = None

    def before_train(self, runner: Runner) -> None:
        """Find the folder of the checkpoints, and those of the run that goes on."""
        with _without_own_warnings():
            super().before_train(runner)
        self._time = time.monotonic()
        if self.minutes is not None and not self.can_save_now(runner):
            raise OptionError("CheckpointHook: minutes needs train_cfg=dict(type='rsn_mm.TrainLoop'"
                              ', ...), which can go on within an epoch')
        if runner._resume:
            self._adopt(runner)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None,
                         outputs: dict | None = None) -> None:
        """Write a checkpoint if it is time."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if self.minutes is not None and time.monotonic() - self._time >= 60 * self.minutes \
                and not accumulates(runner):
            self.save_now(runner, runner.iter + 1, batch_idx + 1)

    def after_val_epoch(self, runner: Runner, metrics: dict) -> None:
        """Save the best checkpoint, and note that the validation has ended."""
        runner.message_hub.update_info(VALIDATED_AT, runner.iter)
        super().after_val_epoch(runner, metrics)
        if self._saved == (runner.iter, False):
            self._save_checkpoint_with_step(
                runner, runner.epoch if self.by_epoch else runner.iter,
                dict(epoch=runner.epoch, iter=runner.iter))

    def can_save_now(self, runner: Runner) -> bool:
        """Whether a run could go on from a checkpoint of any iteration."""
        return isinstance(runner.train_loop, (TrainLoop, IterBasedTrainLoop))

    def save_now(self, runner: Runner, iteration: int, batches_done: int) -> str:
        """Write a checkpoint wherever in an epoch a run is, unless that has been done.

        Args:
            iteration: Iterations that are behind the run.
            batches_done: How many of them belong to the current epoch.

        Returns:
            The path of the checkpoint.
        """
        if self._saved is not None and self._saved[0] == iteration:
            return self.last_ckpt
        meta = dict(epoch=runner.epoch, iter=iteration)
        if not self.by_epoch:
            self._save_checkpoint_with_step(runner, iteration, meta)
            return self.last_ckpt
        name = PARTIAL_NAME.format(runner.epoch, batches_done)
        hub = runner.message_hub
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        hub.update_info('last_ckpt', self.last_ckpt)
        hub.update_info(BATCHES_DONE, (batches_done, len(runner.train_loop.dataloader)))
        with _without_own_warnings():
            runner.save_checkpoint(self.out_dir, name, self.file_client_args, meta=meta,
                                   backend_args=self.backend_args)
        hub.pop_info(BATCHES_DONE)
        self._note(runner, iteration)
        return self.last_ckpt

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        with _without_own_warnings():
            super()._save_checkpoint_with_step(runner, step, meta)
        self._note(runner, meta['iter'])

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        with _without_own_warnings():
            super()._save_best_checkpoint(runner, metrics)
        self._remove_outdated()

    def _note(self, runner: Runner, iteration: int) -> None:
        """Remember which checkpoint is the newest, and remove those that it replaces."""
        self._time = time.monotonic()
        self._saved = iteration, runner.message_hub.runtime_info.get(VALIDATED_AT) == iteration
        if not is_main_process():
            return
        with written_whole(Path(runner.work_dir, 'last_checkpoint')) as file:
            file.write(str(self.last_ckpt).encode())
        for name in self.file_backend.list_dir_or_file(self.out_dir, list_dir=False,
                                                       suffix='.pth'):
            path = self.file_backend.join_path(self.out_dir, name)
            if fnmatch(name, PARTIAL_NAME.format('*', '*')) and path != self.last_ckpt:
                self.file_backend.remove(path)
        self._remove_outdated()

    def _adopt(self, runner: Runner) -> None:
        """Go on with the checkpoints of the run that is resumed, also in a copy of its folder."""
        hub = runner.message_hub
        if self.save_best is not None and len(self.key_indicators) == 1:
            self.best_ckpt_path = self._beside(self.best_ckpt_path)
            hub.update_info('best_ckpt', self.best_ckpt_path)
        elif self.save_best is not None:
            for key, path in self.best_ckpt_path_dict.items():
                self.best_ckpt_path_dict[key] = self._beside(path)
                hub.update_info(f'best_ckpt_{key}', self.best_ckpt_path_dict[key])
        last = hub.runtime_info.get('last_ckpt')
        name = self.filename_tmpl.format(runner.epoch if self.by_epoch else runner.iter)
        own = self._beside(name)
        if own is not None and last is not None and os.path.basename(last) == name:
            self.last_ckpt = own
            self._saved = runner.iter, hub.runtime_info.get(VALIDATED_AT) == runner.iter

    def _beside(self, path: str | None) -> str | None:
        """A file of that name in this run's folder; None if there is none."""
        own = path and self.file_backend.join_path(self.out_dir, os.path.basename(path))
        return own if own and self.file_backend.isfile(own) else None

    def _remove_outdated(self) -> None:
        if isinstance(self.file_backend, CheckpointBackend):
            best = getattr(self, 'best_ckpt_path_dict', {})
            self.file_backend.remove_outdated(
                {self.last_ckpt, getattr(self, 'best_ckpt_path', None), *best.values()})


def accumulates(runner: Runner) -> bool:
    """Whether gradients are being added up, which no checkpoint holds."""
    wrapper = runner.optim_wrapper
    return wrapper._inner_count % wrapper._accumulative_counts != 0


@contextmanager
def _without_own_warnings() -> Iterator[None]:
    """Leave mmengine's warnings about its own classes out of the log; all others stay."""
    def is_wanted(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(OWN_WARNINGS)

    logger = MMLogger.get_current_instance()
    logger.addFilter(is_wanted)
    try:
        yield
    finally:
        logger.removeFilter(is_wanted)
