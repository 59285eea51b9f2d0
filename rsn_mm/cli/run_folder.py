"""What a run left in its folder: the checkpoint to resume from, and what must not be lost."""

import os
import re
import zipfile
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

from rsn_mm.errors import CheckpointError

#: Names of checkpoints, with the number of epochs or iterations, and the batches beyond.
STEP_NAME = re.compile(r'(epoch|iter)_(\d+)(?:_plus_(\d+))?\.pth')


def checkpoint_folder(cfg: Config) -> Path:
    """Where the run of a config puts its checkpoints."""
    out_dir = (cfg.get('default_hooks') or {}).get('checkpoint', {}).get('out_dir')
    work_dir = Path(cfg.work_dir)
    return Path(out_dir, work_dir.resolve().name) if out_dir else work_dir


def is_complete(path: str | os.PathLike) -> bool:
    """Whether a checkpoint was written to its end."""
    return os.path.isfile(path) and zipfile.is_zipfile(path)


def latest_checkpoint(cfg: Config) -> Path | None:
    """The newest complete checkpoint of a run, or None.

    mmengine notes the newest one in the file ``last_checkpoint``, with its complete path, which
    names the original folder in a copy. Only the name counts here. A run that was killed while
    writing may have left that note empty or the checkpoint half-written. Then the newest complete
    one counts.
    """
    folder = checkpoint_folder(cfg)
    noted = find_latest_checkpoint(cfg.work_dir) if os.path.isfile(
        os.path.join(cfg.work_dir, 'last_checkpoint')) else None
    if noted and is_complete(folder / Path(noted).name):
        return folder / Path(noted).name
    return next(filter(is_complete, reversed(_steps(folder))), None)


def check_resumable(cfg: Config, checkpoint: dict, path: str) -> None:
    """Refuse to go on from a checkpoint that does not hold the state of a training.

    Args:
        cfg: Config of the run.
        checkpoint: What the checkpoint holds.
        path: Its path, for the message.

    Raises:
        CheckpointError: If the optimizer, the schedule or the place in the run is missing; the
            message names the checkpoint of that epoch, if it lies beside.
    """
    meta = checkpoint.get('meta') or {}
    needed = ['optimizer', 'message_hub']
    if cfg.get('param_scheduler'):
        needed.append('param_schedulers')
    missing = [name for name in needed if name not in checkpoint] + [
        f'meta.{name}' for name in ('epoch', 'iter') if name not in meta]
    if not missing:
        return
    beside = Path(path).parent / f'epoch_{meta.get("epoch")}.pth'
    other = f'go on from {beside}, which is beside it' if is_complete(beside) else (
        'go on from the checkpoint of an epoch')
    raise CheckpointError(
        f'checkpoint {path} cannot be resumed from: it has no {", ".join(missing)}, without which '
        f'the learning rate would be wrong; {other}, or start a new run from its weights with '
        'load_from')


def refuse_to_overwrite(cfg: Config, resume_from: Path | None) -> str | None:
    """Tell why a training run would write over the checkpoints of another one, if it would.

    Args:
        cfg: Config of the run.
        resume_from: The checkpoint that it goes on from, if any.

    Returns:
        The reason, which ends with what to do; None if nothing would be lost.
    """
    folder = checkpoint_folder(cfg)
    steps = _steps(folder)
    if resume_from is None:
        at_risk = [*steps, *sorted(folder.glob('best_*.pth'))]
        mend = 'go on from it with --resume, or choose another --work-dir'
    else:
        same = [path.resolve() == resume_from.resolve() for path in steps]
        # Nobody needs the half-written ones that a killed run left.
        at_risk = list(filter(is_complete, steps[same.index(True) + 1:] if any(same) else steps))
        mend = 'use --resume without a path, or choose another --work-dir'
    if not at_risk:
        return None
    return f'{folder} holds {at_risk[-1].name} already, which would be overwritten: {mend}'


def _steps(folder: Path) -> list[Path]:
    """Checkpoints of epochs and iterations, and within epochs, oldest first."""
    found = [(int(match[2]), int(match[3] or 0), path) for path in folder.glob('*.pth')
             if (match := STEP_NAME.fullmatch(path.name))]
    return [path for *_, path in sorted(found)]
