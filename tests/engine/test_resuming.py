"""Runs that are stopped or killed, and go on as if nothing had happened."""

import os
import shutil
import signal
import threading

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

import rsn_mm  # noqa: F401
from rsn_mm.cli.run_folder import latest_checkpoint
from rsn_mm.errors import DivergedError, OptionError, StoppedError
from rsn_mm.files import remove_parts

NUM_BATCHES = 4


class Toy(BaseModel):
    """All that has a state or draws numbers: batch norm, dropout, and Adam's moments."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 1))

    def forward(self, inputs, mode='loss'):
        out = self.net(torch.stack(inputs)).square().mean()
        return dict(loss=out) if mode == 'loss' else [out]


class Noisy(BaseDataset):
    """Eight samples, each with noise from every generator that transforms may use."""

    def load_data_list(self):
        return [dict(number=i) for i in range(2 * NUM_BATCHES)]


def add_noise(results):
    noise = [np.random.rand(), torch.rand(()).item(), results['number']]
    return dict(inputs=torch.tensor(noise, dtype=torch.float32))


class Score(BaseMetric):
    """A best score after the second epoch; remembers after how many epochs it was asked."""

    asked: list = []

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        epoch = Runner.get_instance_epoch()
        Score.asked.append(epoch)
        return {'score': 1. if epoch == 2 else 0.5}


class At(Hook):
    """Does something at one moment of a run."""

    priority = 'VERY_HIGH'

    def __init__(self, moment, iteration, action):
        setattr(self, moment, lambda runner, *args, **kwargs: (
            action(runner) if runner.iter == iteration else None))


class Killed(BaseException):
    pass


def kill(runner):
    raise Killed


def send(number):
    return lambda runner: signal.raise_signal(number)


def run(work_dir, monkeypatch=None, epochs=3, hooks=(), resume=False, workers=0, seed=None,
        loop='rsn_mm.TrainLoop', lr=0.01, batch_size=2, accumulate=1, **checkpoint):
    """Train; with ``resume`` from the newest checkpoint. Returns the runner."""
    latest = latest_checkpoint(Config(dict(work_dir=str(work_dir)))) if resume else None
    assert latest is not None or not resume
    torch.manual_seed(0)  # of the initial weights
    loader = dict(
        dataset=dict(type=Noisy, pipeline=[add_noise], serialize_data=False),
        batch_size=batch_size, num_workers=workers,
        sampler=dict(type='DefaultSampler', shuffle=True), persistent_workers=workers > 0)
    runner = Runner(
        model=Toy(), work_dir=str(work_dir), default_scope='mmengine',
        experiment_name=f'{work_dir.name}_{os.urandom(4).hex()}', log_level='ERROR',
        train_dataloader=loader, train_cfg=dict(type=loop, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=lr), accumulative_counts=accumulate),
        param_scheduler=[dict(type='LinearLR', start_factor=0.1, end=10, by_epoch=False),
                         dict(type='PolyLR', end=3, by_epoch=True)],
        val_dataloader=dict(loader, num_workers=0, persistent_workers=False), val_cfg=dict(),
        val_evaluator=dict(type=Score),
        load_from=latest and str(latest), resume=resume, randomness=dict(seed=seed),
        default_hooks=dict(
            checkpoint=dict(type='rsn_mm.CheckpointHook', interval=1, save_best='score',
                            rule='greater', max_keep_ckpts=2, **checkpoint),
            divergence=dict(type='rsn_mm.DivergenceHook'), stop=dict(type='rsn_mm.StopHook'),
            seed=dict(type='rsn_mm.SeedHook'), workers=dict(type='rsn_mm.WorkersHook')),
        custom_hooks=list(hooks))
    Runner.get_instance_epoch = lambda: runner.epoch
    try:
        runner.train()
    finally:
        iterator = getattr(runner.train_loop, 'dataloader', None)._iterator
        if iterator is not None:  # workers that persist; torch would wait for them
            iterator._shutdown_workers()
    return runner


def names(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


def state(folder, name='epoch_3.pth'):
    """Everything in a checkpoint that training depends on."""
    checkpoint = torch.load(folder / name)
    return {key: checkpoint[key] for key in ('state_dict', 'optimizer', 'param_schedulers')}


def assert_same(one, other):
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for pair in zip(one, other):
            assert_same(*pair)
    else:
        assert one == other


@pytest.fixture(scope='module', autouse=True)
def quick():
    """The environment is logged by calls of other programs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.runner.runner.collect_env', dict)
        yield


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    monkeypatch.setattr(Runner, 'get_instance_epoch', None, raising=False)
    monkeypatch.setattr(Score, 'asked', [])
    return Score.asked


@pytest.fixture(scope='module')
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp('unbroken')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, 'get_instance_epoch', None, raising=False)
        run(folder, seed=5)
    return state(folder)


# ------------------------------------------------------------------------ equal to an unbroken run


@pytest.mark.parametrize('moment, iteration, action, left, validated', [
    # killed within the second epoch
    ('before_train_iter', 6, kill, ['best_score_epoch_1.pth', 'epoch_1.pth'], [1, 2, 3]),
    # killed in the validation after the second epoch, which makes the best score
    ('before_val_iter', 8, kill, ['best_score_epoch_1.pth', 'epoch_1.pth', 'epoch_2.pth'],
     [1, 2, 3]),
    ('after_train_iter', 5, send(signal.SIGTERM),
     ['best_score_epoch_1.pth', 'epoch_1.pth', 'epoch_1_plus_2.pth'], [1, 2, 3]),
    ('after_train_iter', 0, send(signal.SIGINT), ['epoch_0_plus_1.pth'], [1, 2, 3]),
    # at the last iteration of the epoch
    ('after_train_iter', 7, send(signal.SIGTERM),
     ['best_score_epoch_1.pth', 'epoch_1.pth', 'epoch_1_plus_4.pth'], [1, 2, 3]),
    ('before_val_iter', 8, send(signal.SIGTERM),
     ['best_score_epoch_1.pth', 'epoch_1.pth', 'epoch_2.pth'], [1, 2, 3]),
    # in the last validation
    ('before_val_iter', 12, kill, ['best_score_epoch_2.pth', 'epoch_2.pth', 'epoch_3.pth'],
     [1, 2, 3]),
])
def test_a_resumed_run_equals_the_unbroken_one(tmp_path, unbroken, asked, moment, iteration, action,
                                               left, validated):
    with pytest.raises((Killed, StoppedError)):
        run(tmp_path, seed=5, hooks=[At(moment, iteration, action)])
    assert names(tmp_path) == left
    run(tmp_path, seed=5, resume=True)
    assert_same(state(tmp_path), unbroken)
    assert asked == validated
    assert names(tmp_path) == ['best_score_epoch_2.pth', 'epoch_2.pth', 'epoch_3.pth']


def test_with_workers_and_a_seed_that_the_run_drew_itself(tmp_path):
    """The seed of the first run, which is in its checkpoints, is that of all that follow."""
    with pytest.raises(StoppedError):
        run(tmp_path / 'a', workers=2, hooks=[At('after_train_iter', 5, send(signal.SIGTERM))])
    shutil.copytree(tmp_path / 'a', tmp_path / 'b')
    run(tmp_path / 'a', workers=2, resume=True)
    run(tmp_path / 'b', workers=0, resume=True)
    assert_same(state(tmp_path / 'a'), state(tmp_path / 'b'))


def test_epochs_and_samples_differ_in_their_augmentation(tmp_path):
    seen = []

    def watch(runner, batch_idx, data_batch=None):
        seen.extend(tuple(sample.tolist()) for sample in data_batch['inputs'])

    hook = Hook()
    hook.before_train_iter = watch
    run(tmp_path, epochs=2, seed=5, hooks=[hook])
    assert len({noise for *noise, _ in map(tuple, seen) for noise in noise}) == 2 * len(seen)


def test_a_finished_run_does_not_validate_again(tmp_path, asked):
    run(tmp_path, epochs=1, seed=5)
    run(tmp_path, epochs=1, seed=5, resume=True)
    assert asked == [1]


def test_a_copied_folder_goes_on_by_itself(tmp_path):
    """The paths in its checkpoints are those of the original, which must stay as it is."""
    run(tmp_path / 'a', epochs=1, seed=5)
    shutil.copytree(tmp_path / 'a', tmp_path / 'b')
    before = {name: (tmp_path / 'a' / name).read_bytes() for name in names(tmp_path / 'a')}
    run(tmp_path / 'b', seed=5, resume=True)
    assert {name: (tmp_path / 'a' / name).read_bytes() for name in names(tmp_path / 'a')} == before
    assert names(tmp_path / 'b') == ['best_score_epoch_2.pth', 'epoch_2.pth', 'epoch_3.pth']


# ---------------------------------------------------------------------------------------- stopping


def test_the_message_names_the_signal_the_place_and_the_checkpoint(tmp_path):
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(StoppedError, match='stopped by SIGTERM in epoch 2 after 2 of 4 batches; '
                       'the last checkpoint is .*/epoch_1_plus_2.pth'):
        run(tmp_path, hooks=[At('after_train_iter', 5, send(signal.SIGTERM))])
    assert handlers == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]


def test_signals_that_follow(tmp_path):
    """Launchers repeat SIGTERM; a second Ctrl-C is from someone who cannot wait."""
    def both(first, second):
        return lambda runner: (signal.raise_signal(first), signal.raise_signal(second))

    with pytest.raises(StoppedError, match='SIGINT'):
        run(tmp_path / 'a', hooks=[
            At('before_train_iter', 1, both(signal.SIGINT, signal.SIGTERM))])
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / 'b', hooks=[
            At('before_train_iter', 1, both(signal.SIGTERM, signal.SIGINT))])


def test_added_up_gradients_are_not_lost(tmp_path):
    with pytest.raises(StoppedError, match='after 2 of 4 batches'):
        run(tmp_path, accumulate=2, hooks=[At('after_train_iter', 0, send(signal.SIGTERM))])


def test_another_loop_stops_without_a_checkpoint_of_its_own(tmp_path):
    with pytest.raises(StoppedError, match='the last checkpoint is .*/epoch_1.pth'):
        run(tmp_path, loop='EpochBasedTrainLoop',
            hooks=[At('after_train_iter', 5, send(signal.SIGTERM))])
    assert names(tmp_path) == ['best_score_epoch_1.pth', 'epoch_1.pth']


def test_outside_the_main_thread_signals_are_left_alone(tmp_path):
    thread = threading.Thread(target=run, args=(tmp_path, ), kwargs=dict(epochs=1))
    thread.start()
    thread.join()
    assert 'epoch_1.pth' in names(tmp_path)


def test_another_batch_size_cannot_go_on_within_an_epoch(tmp_path):
    with pytest.raises(StoppedError):
        run(tmp_path, hooks=[At('after_train_iter', 5, send(signal.SIGTERM))])
    with pytest.raises(OptionError, match='after 2 of 4 batches of an epoch, but an epoch has 8'):
        run(tmp_path, resume=True, batch_size=1)


# --------------------------------------------------------------------------- a checkpoint by time


def test_a_checkpoint_after_minutes_replaces_the_one_before(tmp_path, monkeypatch):
    clock = iter(range(0, 10**6, 45))  # every look takes 45 seconds
    monkeypatch.setattr('rsn_mm.engine.checkpoint_hook.time.monotonic', lambda: next(clock))
    seen = []

    class Look(Hook):
        priority = 'LOWEST'

        def after_train_iter(self, runner, *args, **kwargs):
            seen.append([name for name in names(tmp_path) if 'plus' in name])

    run(tmp_path, epochs=1, minutes=1., hooks=[Look()])
    assert seen == [[], ['epoch_0_plus_2.pth'], ['epoch_0_plus_2.pth'], ['epoch_0_plus_4.pth']]
    assert names(tmp_path) == ['best_score_epoch_1.pth', 'epoch_1.pth']


@pytest.mark.parametrize('options', [dict(minutes=0), dict(minutes=5, loop='EpochBasedTrainLoop')])
def test_minutes_that_cannot_be(tmp_path, options):
    with pytest.raises(OptionError, match='CheckpointHook: minutes'):
        run(tmp_path, **options)


# -------------------------------------------------------------------------------------- divergence


def poison(runner):
    with torch.no_grad():
        runner.model.net[0].weight.fill_(float('nan'))


def test_a_loss_that_is_not_finite_stops_the_run_before_it_is_saved(tmp_path):
    with pytest.raises(DivergedError, match='not been finite for 3 iterations, in epoch 2 at '
                       'iteration 8; the last checkpoint is .*/epoch_1.pth. Try a lower learning'
                       r' rate \(optim_wrapper.optimizer.lr; it was '):
        run(tmp_path, hooks=[At('before_train_iter', 5, poison)])
    assert names(tmp_path) == ['best_score_epoch_1.pth', 'epoch_1.pth']


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    with pytest.raises(DivergedError, match='net.0.weight is not finite after iteration 8'):
        run(tmp_path, hooks=[At('before_train_iter', 7, poison)])
    assert names(tmp_path) == ['best_score_epoch_1.pth', 'epoch_1.pth']
    remove_parts(tmp_path)
    assert not list(tmp_path.glob('*.part'))
