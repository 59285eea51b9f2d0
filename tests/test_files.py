"""Files appear whole or not at all, and never over another one."""

import errno
import os

import numpy as np
import pytest
from matplotlib.figure import Figure

from rsn_mm.errors import ExistingFileError, OutputError
from rsn_mm.files import (
    check_new_file,
    remove_parts,
    write_figure,
    write_json,
    write_matlab,
    write_picture,
    written_whole,
)


@pytest.mark.parametrize('name, ending, error, message', [
    ('there.json', '.json', ExistingFileError, 'OUT .*there.json is there already'),
    ('new.txt', '.json', OutputError, r'OUT .*new.txt: expected a file ending with \.json'),
    ('folder', '', OutputError, 'OUT .*folder is a folder'),
    ('there.json/new.json', '.json', OutputError, 'OUT .*: its folder cannot be made'),
])
def test_what_cannot_be_written_is_refused(tmp_path, name, ending, error, message):
    (tmp_path / 'there.json').write_text('mine')
    (tmp_path / 'folder').mkdir()
    with pytest.raises(error, match=message):
        check_new_file(tmp_path / name, 'OUT', ending)
    assert (tmp_path / 'there.json').read_text() == 'mine'


def test_a_file_may_be_overwritten_on_request_alone(tmp_path):
    path = tmp_path / 'there.json'
    path.write_text('mine')
    check_new_file(path, 'OUT', '.json', overwrite=True)
    with pytest.raises(ExistingFileError):
        write_json(path, [1], 'OUT')
    assert path.read_text() == 'mine'


def test_the_folder_is_made(tmp_path):
    write_json(tmp_path / 'a' / 'b' / 'x.json', [1], 'OUT')
    assert (tmp_path / 'a' / 'b' / 'x.json').read_text() == '[1]'


@pytest.mark.parametrize('write', [
    lambda folder: write_json(folder / 'x.json', [1., float('nan')], 'OUT'),
    lambda folder: write_json(folder / 'x.json', [1., object()], 'OUT'),
    lambda folder: write_matlab(folder / 'x.mat', dict(good=np.ones(3), bad=object()), 'OUT'),
    lambda folder: write_figure(Figure(figsize=(-1, 1)), folder / 'x.png', 'OUT'),
], ids=['nan', 'object', 'matlab', 'figure'])
def test_what_fails_leaves_nothing(tmp_path, write):
    with pytest.raises((ValueError, TypeError)):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_once_the_new_one_is_complete(tmp_path):
    path = tmp_path / 'x'
    path.write_text('old')
    with pytest.raises(KeyboardInterrupt), written_whole(path) as file:
        file.write(b'half')
        raise KeyboardInterrupt
    assert path.read_text() == 'old'
    with written_whole(path) as file:
        file.write(b'new')
        assert path.read_text() == 'old'
    assert path.read_text() == 'new' and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('code, message', [
    (errno.ENOSPC, 'No space left on device'), (errno.EROFS, 'Read-only file system')])
def test_a_full_disk_is_one_message(tmp_path, monkeypatch, code, message):
    def fail(descriptor):
        raise OSError(code, os.strerror(code))

    path = tmp_path / 'x.png'
    path.write_text('old')
    monkeypatch.setattr(os, 'fsync', fail)
    with pytest.raises(OutputError, match=f'x.png cannot be written: {message}'):
        write_picture(path, np.zeros((4, 4, 3), np.uint8))
    assert path.read_text() == 'old' and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_takes_no_files_is_refused_before_the_work():
    """No user may make a file there, not even root."""
    with pytest.raises(OutputError, match='--out /proc/x.json: nothing can be written in /proc'):
        check_new_file('/proc/x.json', '--out')


def test_what_killed_processes_left_is_removed(tmp_path):
    (tmp_path / 'x.json.999999.part').touch()
    (tmp_path / 'y.json.999999.part').touch()
    (tmp_path / 'mine.part').touch()
    write_json(tmp_path / 'x.json', [1], 'OUT')
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {'x.json', 'y.json.999999.part', 'mine.part'}
    remove_parts(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {'x.json', 'mine.part'}
