"""What a run left in its folder: the checkpoint to resume from, and what must not be lost."""

import os
import re
import zipfile
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

#: Names that mmengine gives to checkpoints, with the number of epochs or iterations.
STEP_NAME = re.compile(r'(epoch|iter)_(\d+)\.pth')


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

    mmengine notes the newest one in the file ``last_checkpoint``. A run that was killed while
    writing may have left that note empty or the checkpoint half-written. Then the newest complete
    one counts.
    """
    noted = find_latest_checkpoint(cfg.work_dir) if os.path.isfile(
        os.path.join(cfg.work_dir, 'last_checkpoint')) else None
    if noted and is_complete(noted):
        return Path(noted)
    return next(filter(is_complete, reversed(_steps(checkpoint_folder(cfg)))), None)


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
    """Checkpoints of epochs and iterations, oldest first."""
    found = [(int(match[2]), path) for path in folder.glob('*.pth')
             if (match := STEP_NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]
