"""A training that is asked to stop."""

import os
import signal
import threading
from types import FrameType
from typing import Any

import torch
from mmengine.dist import all_reduce, barrier, is_distributed
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner

from rsn_mm.errors import StoppedError
from rsn_mm.registry import HOOKS

from .checkpoint_hook import CheckpointHook, accumulates
from .screen_text import ScreenText

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@HOOKS.register_module()
class StopHook(Hook):
    """Stops training at the first SIGTERM or SIGINT, after the iteration and a checkpoint.

    In a distributed run a signal to any process stops all of them after the same iteration. While
    gradients are added up over several iterations, the last of these is waited for. A second SIGINT
    ends the process at once; further SIGTERMs change nothing, because launchers repeat them.

    The checkpoint is written by :class:`rsn_mm.CheckpointHook`. Training by epochs can only go on
    within an epoch with :class:`rsn_mm.TrainLoop`; with another loop, or another hook, a stopped
    run goes on from the last checkpoint. A validation during training is left at once, because a
    resumed run begins with it.

    Raises:
        StoppedError: When training has stopped; the message says from where it can go on.
    """

    priority = 'LOWEST'  # all others have dealt with the iteration

    def __init__(self) -> None:
        self._signal: signal.Signals | None = None
        self._replaced: dict[signal.Signals, Any] = {}

    def before_train(self, runner: Runner) -> None:
        """Wait for signals from now on."""
        self._runner = runner
        self._pid = os.getpid()
        if threading.current_thread() is threading.main_thread():
            self._replaced = {number: signal.signal(number, self._note) for number in SIGNALS}

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Stop if that was asked for."""
        is_asked = torch.tensor(self._signal or 0, dtype=torch.int32)
        if is_distributed():
            all_reduce(is_asked, op='max')
        if not is_asked.item() or accumulates(runner):
            return
        path = self._save(runner, runner.iter + 1, batch_idx + 1)
        barrier()  # a process that ends may end the others
        self._stop(int(is_asked), f'in epoch {runner.epoch + 1} after {batch_idx + 1} of '
                   f'{len(runner.train_loop.dataloader)} batches', path)

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                       outputs: Any = None) -> None:
        """Leave a validation during training."""
        if self._signal is not None and isinstance(runner._train_loop, BaseLoop):
            path = self._save(runner, runner.iter, 0)
            self._stop(self._signal, f'in the validation after epoch {runner.epoch}', path)

    def after_train(self, runner: Runner) -> None:
        """Leave signals to others."""
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:  # a worker, which ends with the run
            return
        if self._signal is not None:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return
        self._signal = signal.Signals(number)
        # Workers may have got the signal too. That they end is no error then.
        self._replaced[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        text = (f'{self._signal.name}: finishing the iteration and writing a checkpoint '
                '(a second Ctrl-C ends at once)')
        self._runner.logger.warning(ScreenText(text, text))

    @staticmethod
    def _save(runner: Runner, iteration: int, batches_done: int) -> str | None:
        """Write a checkpoint; returns the path of the newest one, if there is any."""
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook) and hook.can_save_now(runner):
                return hook.save_now(runner, iteration, batches_done)
        return runner.message_hub.runtime_info.get('last_ckpt')

    def _stop(self, number: int, place: str, path: str | None) -> None:
        self._restore()
        saved = f'the last checkpoint is {path}' if path else 'there is no checkpoint'
        raise StoppedError(f'stopped by {signal.Signals(number).name} {place}; {saved}')

    def _restore(self) -> None:
        for number, handler in self._replaced.items():
            signal.signal(number, handler)
        self._replaced = {}
