"""Folders that one process holds, and workers that do not outlive their parent."""

import multiprocessing
import os
import signal
import time

import pytest

from rsn_mm.errors import BusyFolderError, OutputError
from rsn_mm.processes import end_with_parent, locked, locked_file


def in_child(function):
    """Run a function in another process; returns what it raised."""
    context = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe()

    def target():
        try:
            function()
            theirs.send(None)
        except Exception as error:
            theirs.send((type(error).__name__, str(error)))

    process = context.Process(target=target)
    process.start()
    outcome = ours.recv()
    process.join()
    return outcome


def hold(*folders):
    with locked(folders):
        pass


def test_a_second_process_is_refused_while_the_first_holds_the_folder(tmp_path):
    a, b = tmp_path / 'a', tmp_path / 'b'
    with locked([a, b, a]):
        kind, message = in_child(lambda: hold(tmp_path / 'c', b))
        assert kind == BusyFolderError.__name__
        assert message.startswith(f'{b} is in use by process {os.getpid()} on ')
        assert in_child(lambda: hold(tmp_path / 'c')) is None
    assert in_child(lambda: hold(a, b)) is None


def hold_file(path):
    with locked_file(path):
        pass


def test_a_file_is_held_against_processes_and_threads(tmp_path):
    path = tmp_path / 'a.lock'
    with locked_file(path):
        for kind, message in (in_child(lambda: hold_file(path)), raised(lambda: hold_file(path))):
            assert kind == BusyFolderError.__name__
            assert message.startswith(f'{path} is held by process {os.getpid()} on ')
    assert in_child(lambda: hold_file(path)) is None
    with pytest.raises(OutputError, match='a.lock cannot be written: Not a directory'):
        hold_file(path / 'a.lock')


def raised(function):
    """What a function raises in this process."""
    with pytest.raises(Exception) as error:
        function()
    return type(error.value).__name__, str(error.value)


def test_a_dead_process_and_its_workers_hold_nothing(tmp_path):
    """The process is killed, while a child that it has forked lives on."""
    context = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe()

    def target():
        with locked([tmp_path]):
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            theirs.send(child)
            time.sleep(60)

    process = context.Process(target=target)
    process.start()
    child = ours.recv()
    process.kill()
    process.join()
    try:
        hold(tmp_path)
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OutputError, match='file/folder cannot be written to'):
        hold(tmp_path / 'file' / 'folder')


def test_a_worker_ends_soon_after_its_killed_parent():
    context = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe()

    def work():
        end_with_parent()
        theirs.send(os.getpid())
        time.sleep(60)

    def parent():
        context.Process(target=work).start()
        time.sleep(60)

    process = context.Process(target=parent)
    process.start()
    worker = ours.recv()
    process.kill()
    process.join()
    end = time.monotonic() + 10
    while is_alive(worker) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_alive(worker)


def is_alive(pid):
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False
