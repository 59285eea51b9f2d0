"""How a command runs: errors for the user, the runner, and what is said when it fails."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.registry import DATASETS
from mmengine.runner import Runner

from rsn_mm.checkpoints.fitting import check_fit, read_parameters
from rsn_mm.configuration.building import DISK_ERRORS, explained
from rsn_mm.datasets.annotation_files import explain_failure
from rsn_mm.datasets.bbox_files import check_bbox_file
from rsn_mm.engine import LogProcessor
from rsn_mm.errors import (
    BusyFolderError,
    CommandError,
    DataError,
    EntryError,
    ExistingFileError,
    ForeignCheckpointError,
    RsnMmError,
    StoppedError,
)

from . import distributed
from .ensembles import is_ensemble
from .screen import ScreenRunner, ignore_mmpose_metainfo_warning

#: The loops of a job, in the order in which mmengine builds their datasets.
LOOPS = dict(train=('train', 'val'), test=('test', ))
#: What torch says of a process that is frozen or gone.
SILENCE = ('Timed out waiting', 'Connection closed by peer', 'Connection reset by peer')
#: Environment variable that asks for the traceback of an error.
TRACEBACK = 'RSN_MM_TRACEBACK'
#: Status after Ctrl-C, as of a shell.
INTERRUPTED = 130
#: Follows the error about a checkpoint that other software may have written.
CONVERT_HINT = ('; if it is a checkpoint of the released code or of MMPose, convert it first with '
                'tools/convert_checkpoint.py')


def run_command(command: Callable[[argparse.Namespace], None], args: argparse.Namespace,
                program: str) -> None:
    """Carry a command out, and report an error that the user can mend in one message.

    Errors of other classes are errors of the program, and keep their traceback. With the
    environment variable ``RSN_MM_TRACEBACK`` all errors do.

    Args:
        command: What to do with the options.
        args: The options.
        program: Name of the program, for the message.

    The first process of a distributed run prints the message to the standard error.

    Raises:
        SystemExit: With status 1, with 75 if a training was stopped and can go on, or with 130
            after an interruption elsewhere.
    """
    ignore_mmpose_metainfo_warning()
    status = 1
    try:
        command(args)
        return
    except RsnMmError as error:
        if os.environ.get(TRACEBACK):
            raise
        status = getattr(error, 'exit_status', status)
        message = f'{error}{_hint(error, args)}'
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        message = f'{error.filename or "a file"} cannot be written: {error.strerror}'
    except KeyboardInterrupt:
        status, message = INTERRUPTED, 'interrupted'
    finally:
        distributed.close_process_group()
    message = f'{program}: error: {message}'
    if not distributed.is_first_process():
        sys.exit(status)
    if status == 1:
        sys.exit(message)
    print(message, file=sys.stderr)
    sys.exit(status)


def _hint(error: RsnMmError, args: argparse.Namespace) -> str:
    """What the command has to add to an error of the library."""
    # Errors of an ensemble's members have that of the checkpoint as their cause.
    if any(isinstance(e, ForeignCheckpointError) for e in (error, error.__cause__)):
        return CONVERT_HINT
    if isinstance(error, ExistingFileError) and hasattr(args, 'force'):
        return '; --force overwrites it'
    if isinstance(error, StoppedError):
        return '; --resume goes on from there'
    if isinstance(error, BusyFolderError):
        return '; wait for it, or choose another --work-dir'
    if isinstance(error, EntryError) and not isinstance(error.__cause__, RsnMmError):
        return f' ({TRACEBACK}=1 shows where)'
    return ''


def build_runner(cfg: Config, verbose: bool = False) -> Runner:
    """Build the runner of a config; without a GPU a distributed run goes over gloo.

    Args:
        cfg: Config of the run.
        verbose: Show the whole log on the screen, as it is always done for a config whose
            ``log_processor`` is not ours.

    Raises:
        OptionError: If the environment variables of the launcher are missing.
        DataError: If the detections of a dataset are not a JSON file.
        EntryError: If an entry of the config cannot be built.
    """
    for loop in ('train', 'val', 'test'):
        check_bbox_file((cfg.get(f'{loop}_dataloader') or {}).get('dataset') or {})
    distributed.prepare(cfg)
    kind = (cfg.get('log_processor') or {}).get('type')
    short = not verbose and kind in ('rsn_mm.LogProcessor', LogProcessor)
    with explained(cfg, everything=True):
        return (ScreenRunner if short else Runner).from_cfg(cfg)


def run(runner: Runner, job: str) -> dict:
    """Call ``runner.train()`` or ``runner.test()``.

    Args:
        runner: Of :func:`build_runner`.
        job: ``'train'`` or ``'test'``.

    Returns:
        What the runner returns: the metrics of a test.

    Raises:
        CommandError: If an ensemble is to be trained.
        DataError: Also where a dataset could not be built and its files tell why.
        EntryError: If an entry of the config cannot be built.
    """
    if job == 'train' and is_ensemble(runner.cfg):
        raise CommandError('an ensemble is not trained: train its members, each with its config')
    try:
        with explained(runner.cfg):
            return getattr(runner, job)()
    except EntryError as error:
        _explain_files(runner, job, error)
        raise
    except RsnMmError:
        raise
    except Exception as error:
        _explain_files(runner, job, error)
        if runner.distributed and any(sign in str(error) for sign in SILENCE):
            raise CommandError(
                'another process of this run has not answered for '
                f'{distributed.patience(runner.cfg)} seconds (env_cfg.dist_cfg.timeout) or has '
                f'ended: {" ".join(str(error).split())[:200]}') from error
        raise


def build_dataset(cfg: Config, phase: str) -> object:
    """Build a dataset of a config, in the default scope.

    Args:
        cfg: The config.
        phase: ``'train'``, ``'val'`` or ``'test'``.

    Raises:
        DataError: If it could not be built and its files tell why.
        EntryError: If an entry of the config cannot be built.
    """
    dataset_cfg = cfg[f'{phase}_dataloader'].dataset
    check_bbox_file(dataset_cfg)
    try:
        with explained(cfg):
            return DATASETS.build(dataset_cfg)
    except Exception as error:
        _explain(dataset_cfg, error)
        raise


def _explain_files(runner: Runner, job: str, error: Exception) -> None:
    for loop in LOOPS[job]:
        # A loop that is still a config was not built.
        if isinstance(getattr(runner, f'_{loop}_loop'), dict):
            _explain(getattr(runner, f'_{loop}_dataloader')['dataset'], error)


def _explain(dataset_cfg: dict, error: Exception) -> None:
    explanation = explain_failure(dataset_cfg)
    if explanation is not None:
        raise DataError(explanation) from error


def check_fits(runner: Runner, path: str) -> None:
    """Refuse a checkpoint whose parameters are not those of the runner's model.

    Raises:
        CheckpointError: See :mod:`rsn_mm.checkpoints.fitting`.
    """
    check_fit(unwrapped(runner.model), read_parameters(path), path)


def unwrapped(model: Any) -> Any:
    """The model itself, where a distributed run has wrapped it."""
    return model.module if is_model_wrapper(model) else model
