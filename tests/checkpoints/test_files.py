"""Checkpoint files: what is refused, and that nothing is lost by writing."""

import os
import pickle
from collections import OrderedDict

import pytest
import torch

from rsn_mm import checkpoints
from rsn_mm.checkpoints import CheckpointError
from rsn_mm.checkpoints.files import check_destination
from rsn_mm.errors import ExistingFileError, OutputError


class Code:
    """What a malicious file is made of."""

    def __reduce__(self):
        return os.mkdir, ('executed', )


def write_truncated(path):
    torch.save(dict(weight=torch.zeros(1000)), path)
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2])


def write_pickle(protocol):
    return lambda path: path.write_bytes(pickle.dumps(Code(), protocol))


@pytest.mark.parametrize('write, message', [
    (lambda p: None, 'does not exist'),
    (lambda p: p.mkdir(), 'is not a file'),
    # files that are not checkpoints
    (lambda p: p.write_text('nothing'), 'is refused: it is not a file of torch that'),
    (write_truncated, 'cannot be read; it is damaged, incomplete'),
    # files that would run code
    (write_pickle(2), r'is refused: it holds more than weights \(posix.mkdir\)'),
    pytest.param(write_pickle(4), 'is refused: it is not a file of torch that holds nothing but',
                 marks=pytest.mark.filterwarnings('ignore:Detected pickle protocol')),
    (lambda p: torch.save(dict(model=Code()), p), 'is refused: it holds more than weights'),
])
def test_what_is_not_read(write, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'a.pth'
    write(path)
    with pytest.raises(CheckpointError, match=f'checkpoint {path} {message}') as error:
        checkpoints.read(path)
    assert 'weights_only' not in str(error.value)  # torch would tell how to run the code
    assert not os.path.exists('executed')


def test_what_is_written_is_read(tmp_path):
    """Types that released and mmengine checkpoints consist of, in a folder that is new."""
    path = tmp_path / 'new' / 'a.pth'
    checkpoint = dict(
        state_dict=OrderedDict(weight=torch.arange(6.).view(2, 3)), meta=dict(epoch=1, cfg='x = 1'))
    checkpoints.write(checkpoint, path)
    found = checkpoints.read(path)
    assert found['meta'] == checkpoint['meta']
    assert found['state_dict']['weight'].equal(checkpoint['state_dict']['weight'])
    assert os.listdir(path.parent) == ['a.pth']


def test_interrupted_writing_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / 'b.pth'
    path.write_text('mine')

    def fail(checkpoint, file):
        file.write(b'half')
        raise OSError('no space left')

    monkeypatch.setattr(torch, 'save', fail)
    with pytest.raises(OutputError, match='cannot be written: no space left'):
        checkpoints.write({}, path, overwrite=True)
    assert path.read_text() == 'mine' and os.listdir(tmp_path) == ['b.pth']


def test_destination_that_appears_meanwhile(tmp_path):
    path = tmp_path / 'b.pth'
    check_destination(path, tmp_path / 'a.pth')
    path.write_text('mine')
    with pytest.raises(ExistingFileError, match='b.pth is there already'):
        checkpoints.write({}, path)
    assert path.read_text() == 'mine' and os.listdir(tmp_path) == ['b.pth']
    checkpoints.write(dict(epoch=1), path, overwrite=True)
    assert checkpoints.read(path) == dict(epoch=1)


def test_the_source_is_never_overwritten(tmp_path):
    path = tmp_path / 'a.pth'
    path.write_text('mine')
    (tmp_path / 'link.pth').symlink_to(path)
    for destination in (path, tmp_path / 'link.pth'):
        with pytest.raises(OutputError, match='is the checkpoint to convert'):
            check_destination(destination, path, overwrite=True)
