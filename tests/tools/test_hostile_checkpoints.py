"""Hostile checkpoints through everything that reads one: nothing of them runs, all is said."""

import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from mmengine.config import Config
from mmengine.model import initialize
from mmengine.runner import Runner, load_checkpoint

import rsn_mm
from rsn_mm.apis import Predictor
from rsn_mm.checkpoints.fitting import check_start, read_parameters
from rsn_mm.cli import convert_checkpoint
from rsn_mm.errors import RsnMmError
from rsn_mm.models import Ensemble, PretrainedResNet
from tests.tools.tiny_run import call, write_run

#: What runs makes this file.
MARK = 'executed'
PROGRAM = f"import pathlib\npathlib.Path({MARK!r}).touch()\ngpu_ids = []\n"


class Calls:
    """Pickled, it is a call, and then a state for the result."""

    def __init__(self, function: Callable, *args: object, state: object = None) -> None:
        self.call = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> tuple:
        return self.call


CODE = Calls(Path.touch, Path(MARK))
MAKE_ARRAY, MAKE_NUMBER = np.arange(1).__reduce__()[0], np.float64(1).__reduce__()[0]
POINTER = b'A' * 8
STORAGE = torch.storage.TypedStorage(
    wrap_storage=torch.zeros(1).untyped_storage(), dtype=torch.float32, _internal=True)


def change(**entries: object) -> Callable[[dict], dict]:
    """A good checkpoint with other entries; those of ``meta`` and ``state_dict`` are added."""
    def changed(good: dict) -> dict:
        return {**good, **{key: {**good[key], **value} if isinstance(value, dict) else value
                           for key, value in entries.items()}}
    return changed


def change_weight(to: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[dict], dict]:
    """A good checkpoint with another first weight of the stem."""
    name = 'backbone.stem.conv.conv.weight'
    return lambda good: change(state_dict={name: to(good['state_dict'][name])})(good)


def with_value(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda weight: weight.clone().index_fill_(0, torch.tensor([1]), value)


def tar(path: Path) -> None:
    with tarfile.open(path, 'w') as archive:
        info = tarfile.TarInfo(f'../{MARK}')
        archive.addfile(info, io.BytesIO())


def traversing_zip(path: Path) -> None:
    torch.save(dict(a=torch.zeros(1)), path)
    with zipfile.ZipFile(path, 'a') as archive:
        archive.writestr(f'../{MARK}', '')
        archive.writestr(f'archive/../../{MARK}', '')
    path.write_bytes(path.read_bytes().replace(b'data.pkl', b'dota.pkl'))


def torchscript(path: Path) -> None:
    torch.jit.script(torch.nn.Linear(1, 1)).save(path)


def safetensors_with_bad_offsets(path: Path) -> None:
    safetensors.torch.save_file({'a.weight': torch.zeros(4)}, path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'[0,16]', b'[0,99]'))


DENSE = 'expected a dense tensor of finite floating-point numbers'
WEIGHT = 'backbone.stem.conv.conv.weight'
#: A good checkpoint changed, or the whole file, and the message.
REFUSED: dict[str, tuple[Callable, str]] = {
    # files that would run code
    'pickle': (lambda path: path.write_bytes(pickle.dumps(CODE, 2)),
               'is refused: it holds more than weights'),
    'pickle, protocol 0': (lambda path: path.write_bytes(pickle.dumps(CODE, 0)), 'is refused: it'),
    'pickle, protocol 4': (lambda path: path.write_bytes(pickle.dumps(CODE, 4)), 'is refused: it'),
    'code for the weights': (change(state_dict=CODE), 'holds more than weights'),
    'code in meta': (change(meta=dict(x=CODE)), 'holds more than weights'),
    'code in the optimizer': (change(optimizer=CODE), 'holds more than weights'),
    'eval': (change(meta=dict(x=Calls(eval, PROGRAM))),
             r'holds more than weights \((builtins\.)?eval'),
    'getattr': (change(meta=dict(x=Calls(getattr, np.ndarray, 'tofile'))), 'is not allowed'),
    'a file read by NumPy': (change(meta=dict(x=Calls(np.load, 'a.npy'))), 'more than weights'),
    'TorchScript': (torchscript, 'is refused: it is a model of TorchScript, which is a program'),
    'a config to read the joints from': (
        change(meta=dict(dataset_meta=dict(from_file='program.py', num_keypoints=17))),
        r"meta.dataset_meta names the config 'program.py' \(from_file\), which is a program"),
    # descriptions of joints that would end in a crash of the GPU or in wrong joints
    'no dict of joints': (change(meta=dict(dataset_meta='coco')), 'is a str, expected a dict'),
    'joints to swap that do not exist': (
        change(meta=dict(dataset_meta=dict(num_keypoints=17, flip_indices=[10**9] * 17))),
        r'has flip_indices=\[1000000000, .*, expected each joint once'),
    # files that would write elsewhere
    'tar': (tar, 'is refused: it is an archive of tar'),
    'zip': (traversing_zip, 'is refused: it is an archive of ZIP'),
    # files that would corrupt memory
    'object array': (change(meta=dict(x=Calls(
        MAKE_ARRAY, np.ndarray, (0, ), b'b', state=(1, (1, ), np.dtype('O'), False, POINTER)))),
        "array of type 'O8', expected numbers"),
    'array beyond its data': (change(meta=dict(x=Calls(
        MAKE_ARRAY, np.ndarray, (0, ), b'b', state=(1, (99, ), np.dtype('f8'), False, POINTER)))),
        r'shape \(99,\) and type float64 with another amount of data'),
    'object number': (change(meta=dict(x=Calls(MAKE_NUMBER, np.dtype('O'), POINTER))),
                      "array of type 'O8', expected numbers"),
    'tensor beyond its storage': (change(meta=dict(x=Calls(
        torch._utils._rebuild_tensor_v2, STORAGE, 0, (99, ), (1, ), False, {}))),
        'cannot be read; it is damaged'),
    'safetensors beyond its end': (safetensors_with_bad_offsets, 'cannot be read; it is damaged'),
    # weights that are none
    'NaN': (change_weight(with_value(np.nan)), f': {WEIGHT} has NaN in it, {DENSE}'),
    'infinite': (change_weight(with_value(-np.inf)), f': {WEIGHT} has infinite numbers, {DENSE}'),
    'integers': (change_weight(torch.Tensor.long), f': {WEIGHT} has integers .torch.int64., '),
    'complex': (change_weight(lambda weight: weight + 1j), f': {WEIGHT} has complex numbers, '),
    'sparse': (change_weight(torch.Tensor.to_sparse), f': {WEIGHT} is sparse or nested, {DENSE}'),
    'meta': (change_weight(lambda weight: weight.to('meta')), f': {WEIGHT} is on the meta device'),
}


def only_others_would_run(good: dict) -> dict:
    """A good checkpoint with programs where other software looks for a config."""
    messages = {**good['message_hub']['runtime_info'], 'cfg': PROGRAM}
    return change(meta=dict(config=PROGRAM, cfg=PROGRAM, x=Calls(np.ndarray, (1, ), 'O', POINTER)),
                  message_hub=dict(runtime_info=messages))(good)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A folder with the config of a run, ``both.py`` of an ensemble, and a good checkpoint."""
    folder = tmp_path_factory.mktemp('hostile')
    config = write_run(folder)
    (folder / 'program.py').write_text(PROGRAM)
    (folder / 'ensemble.py').write_text(
        f"_base_ = 'tiny.py'\nmodel = dict(_delete_=True, type='rsn_mm.Ensemble', members=[dict("
        f"config={str(config)!r}, checkpoint='a.pth')])\n")
    assert call('train.py', config, '--work-dir', folder / 'run', '--no-validate', '--cfg-options',
                'train_cfg.max_epochs=1') is None
    return folder


@pytest.fixture(scope='module')
def runner(run) -> Runner:
    cfg = Config.fromfile(run / 'tiny.py')
    cfg.work_dir, cfg.experiment_name = str(run / 'again'), 'hostile'
    return Runner.from_cfg(cfg)


@pytest.fixture(scope='module')
def good(run) -> dict:
    return torch.load(run / 'run' / 'epoch_1.pth')


@pytest.fixture(scope='module')
def readers(run, runner) -> tuple[Callable[[str], object], ...]:
    """All that reads a checkpoint; conversions and the ResNet, the last ones, want other names."""
    config = str(run / 'tiny.py')
    ensemble = Ensemble([dict(config=config, checkpoint='a.pth')])
    resnet = rsn_mm.models.RSN(18, unit='basic', num_blocks=(1, 1, 1, 1))

    def predict_together(path: str) -> None:
        ensemble.checkpoints = [path]
        ensemble.load_checkpoints()

    return (
        rsn_mm.checkpoints.read,
        read_parameters,  # before a test, a resumed run and a detection
        lambda path: check_start(runner.model, path),  # before a training
        runner.load_checkpoint,  # load_from
        runner.resume,
        lambda path: load_checkpoint(runner.model, path),  # as mmdet and MMPose do
        lambda path: initialize(runner.model, dict(type='Pretrained', checkpoint=path)),
        lambda path: Predictor(config, path),
        predict_together,
        lambda path: convert_checkpoint.main([path, 'converted.pth']),
        lambda path: convert_checkpoint.main([path, 'converted.pth', '--to', 'mmpose']),
        lambda path: PretrainedResNet(path)(resnet))


def write(make: Callable, good: dict, path: Path) -> None:
    if make in (tar, traversing_zip, torchscript, safetensors_with_bad_offsets) or (
            make.__code__.co_varnames[:1] == ('path', )):
        make(path)
    else:
        torch.save(make(good), path)


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('name', REFUSED)
def test_what_is_hostile_is_refused_by_every_reader(name, run, readers, good, tmp_path,
                                                    monkeypatch):
    monkeypatch.chdir(run)
    make, message = REFUSED[name]
    path = tmp_path / 'a.pth'
    write(make, dict(state_dict=good['state_dict'], meta=good['meta']), path)
    for read in readers:
        with pytest.raises((RsnMmError, SystemExit), match=message) as error:
            read(str(path))
        assert f'checkpoint {path}' in str(error.value)
        assert 'weights_only' not in str(error.value)  # torch would tell how to run the code
    assert not list(run.rglob(MARK)) and not (tmp_path / MARK).exists()
    assert os.listdir(tmp_path) == ['a.pth']


@pytest.mark.filterwarnings('ignore')
def test_what_only_others_would_run_is_not_run(run, runner, readers, good, tmp_path, monkeypatch):
    monkeypatch.chdir(run)
    path = tmp_path / 'a.pth'
    write(only_others_would_run, good, path)
    for read in readers[:-3]:
        read(str(path))
    assert runner.epoch == 1
    for tool, args in (('train.py', ('--resume', path, '--work-dir', tmp_path / 'resumed')),
                       ('test.py', (path, '--work-dir', tmp_path / 'tested'))):
        assert call(tool, 'tiny.py', *args, '--cfg-options', 'train_cfg.max_epochs=1') is None
    assert not list(run.rglob(MARK)) and not list(tmp_path.rglob(MARK))
    exec(PROGRAM)  # the text is as evil as it says
    assert (run / MARK).exists()
