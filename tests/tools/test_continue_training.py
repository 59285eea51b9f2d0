"""Converted checkpoints go on training, and what does not fit is not trained on."""

import math
import re

import pytest
import torch

from rsn_mm import checkpoints
from rsn_mm.synthetic import SceneOptions, SplitOptions, write_split
from tests import golden
from tests.conversion import samples
from tests.tools.tiny_run import ROOT, call, write_run


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Four drawn people, in COCO's and in MPII's format."""
    root = tmp_path_factory.mktemp('data')
    for kind in ('coco', 'mpii'):
        write_split(root / kind, SplitOptions(
            'train', 4, format=kind, scene=SceneOptions(size_wh=(160, 128), people_max=1)),
            workers=1, progress=False)
    return root


def released():
    return dict(model=golden.weights('rsn18_coco', str(golden.load('rsn18_coco_output')['salt'])))


def from_mmpose():
    return dict(state_dict=samples.randomize(
        samples.build(samples.mmpose_config('rsn18'))).state_dict())


@pytest.fixture(scope='module')
def converted(tmp_path_factory):
    """Converts, and tells the file and the config that the tool prints, once per source."""
    folder = tmp_path_factory.mktemp('converted')
    done = {}

    def convert(name, capsys):
        if name not in done:
            theirs, ours = folder / f'{name}.pth', folder / f'{name}_ours.pth'
            torch.save(dict(released=released, mmpose=from_mmpose)[name](), theirs)
            assert call('convert_checkpoint.py', theirs, ours) is None
            printed = capsys.readouterr().out
            assert 'with:' not in printed
            done[name] = ours, re.search(r'config: (\S+)', printed)[1]
        return done[name]
    return convert


def train(config, folder, work_dir, weights, lr):
    """One epoch of two iterations; returns the logged losses and the trained parameters."""
    options = {
        'load_from': weights, 'optim_wrapper.optimizer.lr': lr, 'param_scheduler': None,
        'train_cfg.max_epochs': 1, 'default_hooks.logger.interval': 1, 'randomness.seed': 0,
        'default_hooks.checkpoint.interval': 1, 'train_dataloader.batch_size': 2,
        'train_dataloader.num_workers': 0, 'train_dataloader.persistent_workers': False,
        'train_dataloader.dataset.data_root': folder,
        'train_dataloader.dataset.ann_file': 'annotations.json',
        'train_dataloader.dataset.data_prefix.img': 'images/'}
    error = call('train.py', ROOT / config, '--no-amp', '--no-validate', '--work-dir', work_dir,
                 '--cfg-options', *(f'{key}={value}' for key, value in options.items()))
    assert error is None
    log = next(work_dir.glob('*/*.log')).read_text()
    return ([float(loss) for loss in re.findall(r'Epoch\(train\).* loss: (\S+)', log)],
            checkpoints.read(work_dir / 'epoch_1.pth')['state_dict'], log)


def is_statistic(key):
    return key.split('.')[-1] in ('running_mean', 'running_var', 'num_batches_tracked')


@pytest.mark.parametrize('name', ['released', 'mmpose'])
def test_a_converted_checkpoint_goes_on_training(converted, data, tmp_path, capsys, name):
    weights, config = converted(name, capsys)
    before = checkpoints.read(weights)['state_dict']

    losses, after, log = train(config, data / 'coco' / 'train', tmp_path / 'still', weights, lr=0)
    assert f'Load checkpoint from {weights}' in log and 'initialized anew' not in log
    assert len(losses) == 2 and all(math.isfinite(loss) and loss > 0 for loss in losses)
    assert after.keys() == before.keys()
    for key, value in before.items():
        # Without a learning rate the parameters stay the converted ones; statistics move.
        assert torch.equal(after[key], value) != is_statistic(key), key

    losses, after, _ = train(config, data / 'coco' / 'train', tmp_path / 'go', weights, lr=1e-3)
    assert all(math.isfinite(loss) for loss in losses)
    assert all(torch.isfinite(value).all() for value in after.values())
    # Adam's first steps are as long as the learning rate, wherever there is a gradient.
    changes = {key: (after[key] - value).abs().max() for key, value in before.items()
               if not is_statistic(key)}
    assert sum(change > 1e-4 for change in changes.values()) > 0.95 * len(changes)
    assert max(changes.values()) < 3e-3


def test_another_number_of_joints_keeps_all_but_the_last_layers(converted, data, tmp_path, capsys):
    weights, _ = converted('released', capsys)
    before = checkpoints.read(weights)['state_dict']
    losses, after, log = train('configs/rsn/rsn18-released_mpii-256x256.py',
                               data / 'mpii' / 'train', tmp_path / 'run', weights, lr=0)
    assert all(math.isfinite(loss) for loss in losses)
    anew = {key for key, value in before.items() if after[key].shape != value.shape}
    assert anew == {key for key in before if re.fullmatch(
        r'head\.predictors\.0\.\d\.heatmap\.(conv\.weight|bn\.(weight|bias|running_\w+))', key)}
    assert (f'{len(anew)} of {len(before)} parameters have another shape and start anew: '
            in log)
    assert all(torch.equal(after[key], value) for key, value in before.items()
               if key not in anew and not is_statistic(key))


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    """A folder with a small run: its config and a checkpoint of one epoch."""
    folder = tmp_path_factory.mktemp('tiny')
    config = write_run(folder)
    assert call('train.py', config, '--work-dir', folder / 'done', '--no-validate',
                '--cfg-options', 'train_cfg.max_epochs=1') is None
    return folder


@pytest.mark.parametrize('options, message', [
    (['load_from=no.pth'], 'checkpoint no.pth does not exist'),
    (['load_from=tiny.py'], 'checkpoint tiny.py is refused: it is not a file of torch'),
    (['load_from=theirs.pth'],
     'has its weights in model, expected state_dict; .* convert it first with tools/convert'),
    (['load_from=done/epoch_1.pth', 'model.backbone.num_blocks=1,2,1,1'],
     r'missing: backbone\.stages\.0\.encoder\.levels\.1\.1\.'),
    (['load_from=done/epoch_1.pth', 'model.backbone.unit_channels=8', 'model.head.unit_channels=8'],
     r'expected \(8,'),
    (['load_from=done/epoch_1.pth', 'model.backbone.num_stages=2', 'model.head.num_stages=2'],
     r'missing: .*backbone\.stages\.[01]\.'),
    (['load_from=done/epoch_1.pth', 'model.head.prm.position=feature'],
     r'missing: head\.predictors\.0\.3\.feature\.'),
])
def test_weights_that_do_not_fit_are_not_trained_on(tiny, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tiny)
    torch.save(dict(model=samples.released('rsn18_coco')), tiny / 'theirs.pth')
    error = call('train.py', 'tiny.py', '--work-dir', tmp_path, '--no-validate', '--cfg-options',
                 *options)
    assert isinstance(error, str) and error.startswith('train.py: error: checkpoint ')
    assert re.search(message, error)
    assert not list(tmp_path.glob('*.pth'))
