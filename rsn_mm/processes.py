"""Processes that share a machine: one at a time in a folder, and workers that end in time."""

import fcntl
import multiprocessing
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from rsn_mm.errors import BusyFolderError, OutputError
from rsn_mm.files import FilePath

LOCK_FILE = '.lock'
#: Seconds between two looks of a worker for its parent.
WATCH_INTERVAL = 0.5


@contextmanager
def locked(folders: Iterable[FilePath]) -> Iterator[None]:
    """Hold folders, which are made where missing, against other processes.

    The system releases the lock of a process when it ends, however it ends, so a lock is never left
    behind.

    Args:
        folders: Folders to hold. One that is named twice is held once.

    Raises:
        BusyFolderError: If another process holds one of them.
        OutputError: If the lock cannot be written.
    """
    with ExitStack() as held:
        for folder in dict.fromkeys(Path(folder).resolve() for folder in folders):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                # Not truncated when opened: it tells who holds the folder.
                file = held.enter_context(open(folder / LOCK_FILE, 'a+'))
                _lock(file, folder)
            except BusyFolderError:
                raise
            except OSError as error:
                raise OutputError(f'folder {folder} cannot be written to: {error}') from error
        yield


@contextmanager
def locked_file(path: FilePath, wait: bool = False) -> Iterator[None]:
    """Hold a lock file, which is made where missing, against other processes and threads.

    Like the lock of a folder, it ends with the process.

    Args:
        path: The file, which stays.
        wait: Wait for the lock instead of raising.

    Raises:
        BusyFolderError: If somebody else holds it.
        OutputError: If it cannot be written.
    """
    try:
        file = open(path, 'a+')
    except OSError as error:
        raise OutputError(f'{path} cannot be written: {error.strerror}') from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise BusyFolderError(f'{path} is held by {_holder(file)}') from error
        except OSError as error:
            raise OutputError(f'{path} cannot be locked: {error.strerror}') from error
        _name_holder(file)
        try:
            yield
        finally:  # closing alone would leave it to processes that were forked in between
            fcntl.flock(file, fcntl.LOCK_UN)


def _lock(file: TextIO, folder: Path) -> None:
    # A lock of this kind belongs to the process alone: workers that outlive it do not keep it.
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        raise BusyFolderError(f'{folder} is in use by {_holder(file)}') from error
    _name_holder(file)


def _holder(file: TextIO) -> str:
    file.seek(0)
    return file.read().strip() or 'another process'


def _name_holder(file: TextIO) -> None:
    file.truncate(0)
    file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
    file.flush()


def end_with_parent() -> None:
    """Let this process, a worker, end soon after its parent, even if that one is killed.

    A worker that waits for a full pipe or for more work would otherwise stay for good, because the
    other workers hold the pipe open. Nothing is done in a process that is no worker.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent.pid, ), daemon=True).start()


def _watch(parent_pid: int | None) -> None:
    while os.getppid() == parent_pid:
        time.sleep(WATCH_INTERVAL)
    os._exit(1)
