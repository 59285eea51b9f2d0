"""Checkpoints that survive a kill at any moment."""

import os

from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook
from mmengine.runner import Runner

from rsn_mm.files import written_whole
from rsn_mm.registry import HOOKS

BACKEND = 'rsn_mm_checkpoints'


class CheckpointBackend(LocalBackend):
    """Local files that appear whole or not at all, and go in :meth:`remove_outdated`."""

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
        """Remove what was to be removed and is not to be kept."""
        for path in self._outdated:
            if path not in keep and os.path.exists(path):
                os.remove(path)
        self._outdated.clear()


register_backend(BACKEND, CheckpointBackend, force=True)


@HOOKS.register_module()
class CheckpointHook(MMEngineCheckpointHook):
    """mmengine's hook, but nothing that a resumed run needs is removed or half-written.

    mmengine removes the outdated checkpoint before it writes the new one (with ``max_keep_ckpts=1``
    the only one), and writes over the newest one when a best score is found. Here a checkpoint is
    written beside its place and moved there, and outdated ones go afterwards. Elsewhere than in the
    local file system (``backend_args``, or an ``out_dir`` with a prefix) the hook is mmengine's.

    Args:
        kwargs: Of mmengine's ``CheckpointHook``.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if self.backend_args is None and '://' not in str(self.out_dir or ''):
            self.backend_args = dict(backend=BACKEND)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        super()._save_checkpoint_with_step(runner, step, meta)
        self._remove_outdated()

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        super()._save_best_checkpoint(runner, metrics)
        self._remove_outdated()

    def _remove_outdated(self) -> None:
        if isinstance(self.file_backend, CheckpointBackend):
            best = getattr(self, 'best_ckpt_path_dict', {})
            self.file_backend.remove_outdated(
                {self.last_ckpt, getattr(self, 'best_ckpt_path', None), *best.values()})
