"""Checkpoints that survive a kill at any moment."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from rsn_mm.files import written_whole
from rsn_mm.registry import HOOKS

BACKEND = 'rsn_mm_checkpoints'
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

    Args:
        kwargs: Of mmengine's ``CheckpointHook``.

    Example:
        >>> from rsn_mm.registry import HOOKS
        >>> hook = HOOKS.build(dict(type='rsn_mm.CheckpointHook', interval=5, max_keep_ckpts=1))
        >>> hook.interval, hook.backend_args
        (5, {'backend': 'rsn_mm_checkpoints'})
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        is_local = '://' not in str(self.out_dir or '')
        self.backend_args: dict | None = self.backend_args or (
            dict(backend=BACKEND) if is_local else None)

    def before_train(self, runner: Runner) -> None:
        """Find the folder of the checkpoints."""
        with _without_own_warnings():
            super().before_train(runner)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        with _without_own_warnings():
            super()._save_checkpoint_with_step(runner, step, meta)
        self._remove_outdated()

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        with _without_own_warnings():
            super()._save_best_checkpoint(runner, metrics)
        self._remove_outdated()

    def _remove_outdated(self) -> None:
        if isinstance(self.file_backend, CheckpointBackend):
            best = getattr(self, 'best_ckpt_path_dict', {})
            self.file_backend.remove_outdated(
                {self.last_ckpt, getattr(self, 'best_ckpt_path', None), *best.values()})


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
