"""Runs that are killed while they write."""

import os

import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

import rsn_mm  # noqa: F401
from rsn_mm.cli.run_folder import (
    check_resumable,
    is_complete,
    latest_checkpoint,
    refuse_to_overwrite,
)
from rsn_mm.engine.checkpoint_hook import CheckpointBackend
from rsn_mm.errors import CheckpointError


class Toy(BaseModel):

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, inputs, mode='loss'):
        return dict(loss=self.weight * inputs[0]) if mode == 'loss' else inputs


class Numbers(Dataset):

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return dict(inputs=torch.ones(1))


class Score(BaseMetric):
    """A new best score in epochs 1, 2 and 4."""

    scores = (1., 2., 1., 3.)

    def __init__(self):
        super().__init__(prefix='toy')
        self.calls = 0

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        self.calls += 1
        return dict(score=self.scores[self.calls - 1])


def run(work_dir, epochs=4, max_keep_ckpts=1):
    loader = dict(dataset=Numbers(), sampler=dict(type='DefaultSampler', shuffle=False),
                  batch_size=1)
    runner = Runner(
        model=Toy(), work_dir=str(work_dir), experiment_name=work_dir.name,
        default_scope='mmengine',
        train_dataloader=loader, train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        val_dataloader=loader, val_cfg=dict(), val_evaluator=dict(type=Score),
        default_hooks=dict(checkpoint=dict(
            type='rsn_mm.CheckpointHook', interval=1, max_keep_ckpts=max_keep_ckpts,
            save_best='toy/score', rule='greater')))
    runner.train()


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix in ('.pth', '.part'))


def config(folder):
    return Config(dict(work_dir=str(folder)))


class Killed(BaseException):
    pass


def test_in_the_end_the_newest_and_the_best_are_kept(tmp_path):
    run(tmp_path)
    assert names(tmp_path) == ['best_toy_score_epoch_4.pth', 'epoch_4.pth']
    assert latest_checkpoint(config(tmp_path)) == tmp_path / 'epoch_4.pth'


@pytest.mark.parametrize('write', range(1, 11))
def test_a_kill_while_any_file_is_written_leaves_a_checkpoint(tmp_path, monkeypatch, write):
    """Files are written in this order: epoch 1, best 1, epoch 1 again, epoch 2, ..."""
    written = []
    replace = os.replace

    def replace_or_die(source, target):
        written.append(os.path.basename(target))
        if len(written) == write:
            with open(source, 'r+b') as file:
                file.truncate(100)
            raise Killed
        replace(source, target)

    monkeypatch.setattr(os, 'replace', replace_or_die)
    with pytest.raises(Killed):
        run(tmp_path)
    done = [name for name in written[:-1] if name.startswith('epoch')]
    latest = latest_checkpoint(config(tmp_path))
    assert latest == (tmp_path / done[-1] if done else None)
    if done:
        checkpoint = torch.load(latest)
        assert checkpoint['meta']['epoch'] == int(latest.stem.split('_')[1])
    best = [name for name in written[:-1] if name.startswith('best')]
    assert not best or any(is_complete(tmp_path / name) for name in best)


def test_mmengines_own_hook_would_have_lost_it(tmp_path, monkeypatch):
    """What the hook is for: with one checkpoint kept, mmengine removes it before the next."""
    monkeypatch.setattr(CheckpointBackend, 'remove', lambda self, path: os.remove(path))
    monkeypatch.setattr(CheckpointBackend, 'put', kill_at('epoch_2.pth', CheckpointBackend.put))
    with pytest.raises(Killed):
        run(tmp_path)
    assert latest_checkpoint(config(tmp_path)) is None


def kill_at(name, put):
    def put_or_die(self, obj, path):
        if path.endswith(name):
            raise Killed
        put(self, obj, path)
    return put_or_die


def test_files_in_other_places_are_left_to_mmengine():
    from rsn_mm.engine import CheckpointHook
    assert CheckpointHook().backend_args == dict(backend='rsn_mm_checkpoints')
    assert CheckpointHook(out_dir='s3://bucket/run').backend_args is None
    assert CheckpointHook(backend_args=dict(backend='local')).backend_args == dict(backend='local')


# ------------------------------------------------------------------------------- rsn_mm.run_folder


@pytest.fixture
def folder(tmp_path):
    """Complete checkpoints of epochs 2, 9 and 10, and a half-written one of epoch 11."""
    for epoch in (2, 9, 10, 11):
        torch.save(dict(epoch=epoch), tmp_path / f'epoch_{epoch}.pth')
    with open(tmp_path / 'epoch_11.pth', 'r+b') as file:
        file.truncate(200)
    return tmp_path


@pytest.mark.parametrize('note, expected', [
    ('epoch_10.pth', 'epoch_10.pth'),
    ('epoch_9.pth', 'epoch_9.pth'),
    ('epoch_11.pth', 'epoch_10.pth'),  # noted, but half-written
    ('epoch_12.pth', 'epoch_10.pth'),  # noted, but gone
    ('', 'epoch_10.pth'),  # killed while noting
    (None, 'epoch_10.pth'),
])
def test_the_latest_checkpoint_is_a_complete_one(folder, note, expected):
    if note is not None:
        (folder / 'last_checkpoint').write_text(note and str(folder / note))
    assert latest_checkpoint(config(folder)) == folder / expected


def test_a_note_from_before_the_folder_was_copied(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp('original')
    torch.save(dict(epoch=9), elsewhere / 'epoch_9.pth')
    (folder / 'last_checkpoint').write_text(str(elsewhere / 'epoch_9.pth'))
    assert latest_checkpoint(config(folder)) == folder / 'epoch_9.pth'


def test_a_checkpoint_within_an_epoch_is_later_than_that_of_the_epoch(folder):
    for name in ('epoch_9_plus_30.pth', 'epoch_10_plus_4.pth', 'epoch_10_plus_12.pth'):
        torch.save(dict(), folder / name)
    assert latest_checkpoint(config(folder)) == folder / 'epoch_10_plus_12.pth'


def test_a_checkpoint_of_weights_alone_is_not_gone_on_from(folder):
    whole = dict(optimizer={}, message_hub={}, meta=dict(epoch=9, iter=90), state_dict={})
    check_resumable(config(folder), whole, 'best.pth')
    best = {key: value for key, value in whole.items() if key != 'optimizer'}
    with pytest.raises(CheckpointError, match='it has no optimizer, without which the learning '
                       f'rate would be wrong; go on from {folder}/epoch_9.pth, which is beside it'):
        check_resumable(config(folder), best, str(folder / 'best.pth'))
    scheduled = Config(dict(work_dir=str(folder), param_scheduler=[dict(type='LinearLR')]))
    with pytest.raises(CheckpointError, match='no param_schedulers, .* checkpoint of an epoch, or'):
        check_resumable(scheduled, {**whole, 'meta': dict(epoch=3, iter=1)}, 'best.pth')


def test_an_empty_folder_has_no_latest_checkpoint(tmp_path):
    assert latest_checkpoint(config(tmp_path)) is None
    assert latest_checkpoint(config(tmp_path / 'none')) is None


@pytest.mark.parametrize('resume, found', [
    (None, 'epoch_11.pth'),
    ('epoch_10.pth', None),  # only the half-written one is later
    ('epoch_9.pth', 'epoch_10.pth'),
    ('epoch_2.pth', 'epoch_10.pth'),
    ('../other/epoch_2.pth', 'epoch_10.pth'),  # of another run
])
def test_checkpoints_of_another_run_are_not_written_over(folder, resume, found):
    problem = refuse_to_overwrite(config(folder), resume and folder / resume)
    if found is None:
        assert problem is None
    else:
        assert f'holds {found} already' in problem and '--work-dir' in problem


def test_a_best_checkpoint_alone_is_guarded_too(tmp_path):
    assert refuse_to_overwrite(config(tmp_path), None) is None
    (tmp_path / 'best_AP_epoch_3.pth').touch()
    assert 'best_AP_epoch_3.pth' in refuse_to_overwrite(config(tmp_path), None)


def test_the_checkpoint_hooks_own_folder_is_looked_at(tmp_path):
    cfg = Config(dict(work_dir=str(tmp_path / 'run'),
                      default_hooks=dict(checkpoint=dict(out_dir=str(tmp_path / 'out')))))
    (tmp_path / 'out' / 'run').mkdir(parents=True)
    (tmp_path / 'out' / 'run' / 'epoch_1.pth').touch()
    assert 'epoch_1.pth' in refuse_to_overwrite(cfg, None)
