"""What ``mmengine.Runner`` saves loads under torch's safe default, and nothing more does."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from tests.fresh import run_fresh

SAVE = '''
import numpy as np, torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner

class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x, mode='tensor'):
        loss = (self.weight * torch.stack(x)).square().mean()
        return dict(loss=loss) if mode == 'loss' else x

class Score(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.append(1.)

    def compute_metrics(self, results):
        return dict(score=np.float64(0.5), single=np.float32(0.25), count=np.int64(len(results)))

class Numbers(torch.utils.data.Dataset):
    metainfo = dict(  # the kinds that the dataset meta of mmpose has
        dataset_name='numbers', num_keypoints=2, flip_indices=[1, 0],
        sigmas=np.array([.1, .2], np.float32), colors=np.array([[255, 0, 0]], np.uint8),
        links=np.array([[0, 1]]), upper=np.array([True, False]))

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return dict(x=torch.tensor(float(index)))

loader = dict(dataset=Numbers(), batch_size=2, num_workers=0,
              sampler=dict(type='DefaultSampler', shuffle=True))

def runner(work_dir, epochs, **kwargs):
    return Runner(
        Line(), work_dir, train_dataloader=loader, val_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=epochs, val_interval=1),
        val_cfg=dict(), val_evaluator=Evaluator(Score()),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=.1)),
        param_scheduler=[
            dict(type='LinearLR', start_factor=.1, by_epoch=False, end=3),
            dict(type='MultiStepLR', milestones=[1]),
            dict(type='CosineAnnealingLR', T_max=4, by_epoch=True),
            dict(type='ReduceOnPlateauLR', monitor='score', rule='greater')],
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', save_best='score',
                                           rule='greater'),
                           logger=dict(type='LoggerHook', interval=1)),
        custom_hooks=[dict(type='EMAHook')],
        randomness=dict(seed=0), log_level='ERROR', **kwargs)
'''


@pytest.fixture(scope='module')
def work_dir(tmp_path_factory) -> Path:
    """A training run of two epochs, in a process that nothing has mended."""
    folder = tmp_path_factory.mktemp('work')
    run_fresh(SAVE + f'\nrunner({str(folder)!r}, 2).train()')
    return folder


def test_a_checkpoint_of_a_run_loads(work_dir):
    for name in ('best_score_epoch_1.pth', 'epoch_2.pth'):
        checkpoint = torch.load(work_dir / name)
        assert checkpoint['meta']['epoch'] == int(name[-5])
        np.testing.assert_array_equal(
            checkpoint['meta']['dataset_meta']['colors'], [[255, 0, 0]])
    assert checkpoint['message_hub']['runtime_info']['best_score'] == .5
    assert len(checkpoint['message_hub']['log_scalars']['train/loss'].data[0]) == 4  # iterations
    assert checkpoint['param_schedulers'] and checkpoint['optimizer']['state']


def test_a_run_resumes(work_dir):
    out = run_fresh(SAVE + f'''
import rsn_mm
again = runner({str(work_dir)!r}, 3, resume=True)
again.train()
print(again.epoch, again.iter)
''')
    assert out.splitlines()[-1] == '3 6'
    assert (work_dir / 'epoch_3.pth').exists()


def test_without_the_mend_it_is_refused(work_dir):
    error = run_fresh(f'''
        import mmengine.runner, torch
        torch.load({str(work_dir / "epoch_2.pth")!r})
        ''', fails=True)
    assert 'Weights only load failed' in error


@pytest.mark.parametrize('core', ['numpy.core', 'numpy._core'])
def test_numpy_values_load_under_the_name_of_either_numpy(tmp_path, core):
    """NumPy 2 moved what a pickled array names; torch compares the names as they are written."""
    saved, renamed = tmp_path / 'saved.pth', tmp_path / 'renamed.pth'
    values = dict(array=np.arange(3.), scalar=np.float64(.5), whole=np.int64(7))
    torch.save(values, saved)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(renamed, 'w') as target:
        for entry in source.namelist():
            data = source.read(entry)
            if entry.endswith('data.pkl'):
                data = data.replace(b'cnumpy._core.', b'cnumpy.core.')
                data = data.replace(b'cnumpy.core.', b'c' + core.encode() + b'.')
                assert b'c' + core.encode() + b'.multiarray\n_reconstruct' in data
                assert b'c' + core.encode() + b'.multiarray\nscalar' in data
            target.writestr(entry, data)
    loaded = torch.load(renamed)
    np.testing.assert_array_equal(loaded['array'], values['array'])
    assert loaded['scalar'] == .5 and loaded['whole'] == 7


class RunsCode:
    """Unpickled, it would create a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_file_that_would_run_code_is_still_refused(tmp_path):
    witness, path = tmp_path / 'witness', tmp_path / 'evil.pth'
    torch.save(dict(state_dict={}, meta=RunsCode(witness)), path)
    with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
        torch.load(path)
    assert not witness.exists()
    torch.load(path, weights_only=False)
    assert witness.exists()  # the file is as evil as it says


class ReachesOut:
    """Pickled, it is ``getattr(owner, name)``."""

    def __init__(self, owner, name: str):
        self.args = owner, name

    def __reduce__(self):
        return getattr, self.args


def test_only_the_statistics_of_a_history_buffer_are_reached(tmp_path):
    path = tmp_path / 'reference.pth'
    torch.save(ReachesOut(HistoryBuffer, 'mean'), path)
    assert torch.load(path, weights_only=True) is HistoryBuffer.mean
    for owner, name in [(HistoryBuffer, '__init__'), (HistoryBuffer, '__class__'),
                        (np.ndarray, 'mean'), (torch.Tensor, '__init__')]:
        torch.save(ReachesOut(owner, name), path)
        with pytest.raises(pickle.UnpicklingError, match='which is not allowed|Weights only'):
            torch.load(path, weights_only=True)


# ------------------------------------------------------------- arrays, read by functions of our own


@pytest.mark.parametrize('value', [
    np.arange(6.).reshape(2, 3), np.asfortranarray(np.arange(6.).reshape(2, 3)), np.array(5.),
    np.array([True, False]), np.array([[255, 0, 0]], np.uint8), np.arange(3, dtype='>f4'),
    np.arange(3, dtype=np.float16), np.float64(.5), np.float32(.25), np.int64(-3), np.bool_(True),
], ids=repr)
def test_numbers_are_read_as_they_were(value, tmp_path):
    torch.save(value, tmp_path / 'a.pth')
    found = torch.load(tmp_path / 'a.pth')
    assert isinstance(found, np.ndarray if isinstance(value, np.ndarray) else type(value))
    assert found.shape == value.shape and np.array_equal(found, value)
    assert found.dtype.newbyteorder('=') == value.dtype.newbyteorder('=')
    # What is read can be saved again, and then loads where rsn_mm is not installed.
    assert pickle.loads(pickle.dumps(found)).__class__ is value.__class__
    torch.save(found, tmp_path / 'b.pth')
    assert np.array_equal(torch.load(tmp_path / 'b.pth'), value)


@pytest.mark.parametrize('value, found', [
    (np.array(['a']), 'U1'), (np.array([None]), 'O8'), (np.array([1j]), 'c16'),
    (np.array([(1, 2.)], dtype='i4,f4'), 'V8'), (np.datetime64('2020'), 'M8'),
])
def test_other_arrays_are_refused(value, found, tmp_path):
    torch.save(value, tmp_path / 'a.pth')
    with pytest.raises(pickle.UnpicklingError, match=f"array of type '{found}', expected numbers"):
        torch.load(tmp_path / 'a.pth')


class Calls:
    """Pickled, it is a call of a function, and then a state for the result."""

    def __init__(self, function, *args, state=None):
        self.call = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.call


RECONSTRUCT, SCALAR = (np.arange(1).__reduce__()[0], np.float64(1).__reduce__()[0])
EIGHT = b'A' * 8
F8 = np.dtype('f8')


def array(state, *args):
    return Calls(RECONSTRUCT, *(args or (np.ndarray, (0, ), b'b')), state=state)


@pytest.mark.parametrize('value, message', [
    (array((1, (1, ), np.dtype('O'), False, EIGHT)), "type 'O8', expected numbers"),
    (array((1, (1, ), np.dtype([('a', 'O')]), False, EIGHT)), "type 'V8', expected numbers"),
    (array((1, (9, ), F8, False, EIGHT)), r'shape \(9,\) and type float64 with another amount'),
    (array((1, (-1, ), F8, False, EIGHT)), r'shape \(-1,\)'),
    (array((1, (2**62, 4), F8, False, b'')), 'bytes|another amount'),
    (array((1, [1], F8, False, EIGHT)), r'shape \[1\]'),
    (array((1, (1, ), F8, False, [None])), 'another amount'),
    (array((1, (1, ), 'f8', False, EIGHT)), "type 'f8', expected numbers"),
    (array((1, (1, ), F8, False, EIGHT), np.dtype, (0, ), b'b'), 'array of class .*NumberType'),
    (Calls(SCALAR, np.dtype('O'), 1), "type 'O8', expected numbers"),
    (Calls(SCALAR, F8, b'A'), 'number of type float64 with another amount'),
    (Calls(SCALAR, F8, 1.), 'number of type float64 with another amount'),
    (Calls(SCALAR, Calls(np.dtype, 'V8', False, True, state=(3, '<', None, None, None, 1 << 30, 1,
                                                             0)), EIGHT), "type 'V8', expected"),
    (Calls(SCALAR, Calls(np.dtype, 'f8', False, True, state=(3, 'x', None, None, None, 8, 8, 0)),
           EIGHT), "type 'f8', expected numbers"),
])
def test_arrays_that_would_corrupt_memory_are_refused(value, message, tmp_path):
    torch.save(value, tmp_path / 'a.pth')
    with pytest.raises(pickle.UnpicklingError, match=message):
        torch.load(tmp_path / 'a.pth')


@pytest.mark.parametrize('opcode', [pickle.REDUCE, pickle.NEWOBJ])
def test_a_file_does_not_make_arrays_of_pointers(opcode, tmp_path):
    """Called by NumPy, this makes bytes of the file addresses, and the interpreter crashes."""
    called, path = tmp_path / 'called.pth', tmp_path / 'a.pth'
    torch.save(Calls(np.ndarray, (1, ), 'O', EIGHT), called)
    with zipfile.ZipFile(called) as source, zipfile.ZipFile(path, 'w') as target:
        for entry in source.namelist():
            data = source.read(entry)
            if entry.endswith('data.pkl'):
                head, _, tail = data.rpartition(pickle.REDUCE)
                data = head + opcode + tail
            target.writestr(entry, data)
    found = torch.load(path)
    assert found.shape == (0, ) and found.dtype == float  # the arguments count for nothing
