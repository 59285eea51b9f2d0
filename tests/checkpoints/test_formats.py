"""What a file is: checkpoints of torch and safetensors are read, all others are named."""

import gzip
import sys
import tarfile
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch
from mmengine.runner import CheckpointLoader

from rsn_mm import checkpoints
from rsn_mm.checkpoints import CheckpointError
from rsn_mm.checkpoints.formats import SAFETENSORS, TORCH, format_of

STATE = {'a.weight': torch.arange(6.).view(2, 3), 'a.count': torch.tensor(3)}


def legacy(path):
    torch.save(STATE, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize('write, kind', [
    (lambda path: torch.save(STATE, path), TORCH),
    (legacy, TORCH),
    (lambda path: safetensors.torch.save_file(STATE, path), SAFETENSORS),
    (lambda path: safetensors.torch.save_file(STATE, path, dict(format='pt')), SAFETENSORS),
])
def test_checkpoints_are_read_whatever_their_name(write, kind, tmp_path):
    path = tmp_path / 'checkpoint'
    write(path)
    assert format_of(path) == kind
    for found in (checkpoints.read(path), CheckpointLoader.load_checkpoint(str(path))):
        assert list(found) == (['state_dict'] if kind == SAFETENSORS else list(STATE))
        found = found.get('state_dict', found)
        assert found.keys() == STATE.keys()
        assert all(found[name].equal(STATE[name]) for name in STATE)


def zipped(name: str):
    def write(path):
        with zipfile.ZipFile(path, 'w') as archive:
            archive.writestr(name, 'x')
    return write


def taken(path):
    with tarfile.open(path, 'w') as archive:
        archive.add(__file__)


def data(start: bytes):
    return lambda path: path.write_bytes(start + bytes(1000))


@pytest.mark.parametrize('write, words', [
    (lambda path: path.write_bytes(b''), 'an empty file'),
    (lambda path: path.write_text('  <!DOCTYPE html>\n<p>Sign in</p>'), 'a web page, as a server'),
    (lambda path: path.write_text('<html>404</html>'), 'a web page, as a server'),
    (lambda path: path.write_text('{"images": []}'), 'a file of JSON'),
    (lambda path: path.write_text('version https://git-lfs.github.com/spec/v1\noid sha256:0'),
     'the pointer of Git LFS to a file: "git lfs pull"'),
    (data(b'\x89HDF\r\n\x1a\n'), 'a file of HDF5, as Keras and TensorFlow write it'),
    (data(b'GGUF\x03'), 'a file of GGUF'),
    (data(b'\x1c\0\0\0TFL3'), 'a model of TensorFlow Lite'),
    (data(b'\x08\x07\x12\x07pytorch'), 'a model of ONNX'),
    (data(b'\x89PNG\r\n'), 'a picture'),
    (lambda path: path.write_bytes(gzip.compress(b'x')), 'an archive of gzip, which must be unp'),
    (taken, 'an archive of tar'),
    (lambda path: np.save(open(path, 'wb'), np.arange(3)), 'a single array of NumPy'),
    (lambda path: np.savez(open(path, 'wb'), a=np.arange(3)), r'arrays of NumPy \(.npz\)'),
    (zipped('model.weights.h5'), 'a model of Keras'),
    (zipped('code/constants.pkl'), 'a model of TorchScript, which is a program'),
    (zipped('a.txt'), 'an archive of ZIP'),
])
def test_other_formats_are_named(write, words, tmp_path):
    path = tmp_path / 'checkpoint.pth'
    write(path)
    with pytest.raises(CheckpointError, match=f'^checkpoint {path} is refused: it is {words}.*, '
                                              'expected a checkpoint of torch or of safetensors$'):
        checkpoints.read(path)


def test_a_cut_file_of_safetensors_is_damaged(tmp_path):
    path = tmp_path / 'a.safetensors'
    safetensors.torch.save_file(STATE, path)
    for size in (path.stat().st_size - 1, 40, 10):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(CheckpointError, match=f'^checkpoint {path} cannot be read; it is dam'):
            checkpoints.read(path)


def test_without_the_package_the_message_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / 'a.safetensors'
    safetensors.torch.save_file(STATE, path)
    monkeypatch.setitem(sys.modules, 'safetensors.torch', None)
    with pytest.raises(CheckpointError, match='the package that reads it is not installed; mend '
                                              'it with: pip install safetensors'):
        checkpoints.read(path)
