"""The MPII config from training to PCKh and the test server's file, on generated people."""

import json
import re

import pytest
import torch
from mmengine.registry import init_default_scope
from scipy.io import loadmat

from rsn_mm.synthetic import SceneOptions, SplitOptions, write_split
from tests.tools.tiny_run import ROOT, call

CONFIG = ROOT / 'configs' / 'rsn' / 'rsn18_mpii-256x256.py'


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """A training and a validation split, and the latter without joints, as a test set is."""
    root = tmp_path_factory.mktemp('mpii')
    scene = SceneOptions(size_wh=(160, 128), people_max=2)
    for split, number in (('train', 8), ('val', 4)):
        write_split(root, SplitOptions(split, number, format='mpii', scene=scene), workers=1,
                    progress=False)
    persons = json.loads((root / 'val' / 'annotations.json').read_text())
    (root / 'val' / 'test.json').write_text(json.dumps([
        {key: person[key] for key in ('image', 'center', 'scale')} for person in persons]))
    return root


def options(data, ann_file='annotations.json', heads=True):
    """``--cfg-options`` for a small network on these data."""
    init_default_scope('mmpose')
    entries = {'model.backbone.num_blocks': '1,1,1,1', 'train_cfg.max_epochs': 1,
               'train_cfg.val_interval': 1, 'default_hooks.checkpoint.interval': 1,
               'randomness.seed': 0}
    for loader, split, file in (('train_dataloader', 'train', 'annotations.json'),
                                ('val_dataloader', 'val', 'annotations.json'),
                                ('test_dataloader', 'val', ann_file)):
        entries |= {f'{loader}.batch_size': 4, f'{loader}.num_workers': 0,
                    f'{loader}.persistent_workers': False,
                    f'{loader}.dataset.data_root': data / split,
                    f'{loader}.dataset.ann_file': file}
    boxes = data / 'val' / 'headboxes.mat'
    entries |= {'val_dataloader.dataset.headbox_file': boxes,
                'test_dataloader.dataset.headbox_file': boxes if heads else None}
    return [f'{key}={value}' for key, value in entries.items()]


@pytest.fixture(scope='module')
def trained(data):
    """The folder of a run of one epoch."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    work_dir = data / 'run'
    assert call('train.py', CONFIG, '--no-amp', '--work-dir', work_dir,
                '--cfg-options', *options(data)) is None
    yield work_dir
    torch.set_num_threads(threads)


def test_trains_and_evaluates(trained):
    log = next(trained.glob('*/*.log')).read_text()
    assert '| PCKh@0.5 |   Head | Shoulder |  Elbow |' in log
    assert 'lr: 4.0' in log  # 4e-4, the beginning of the warm-up
    # The score that chooses the best checkpoint is there under the name the config says.
    assert list(trained.glob('best_PCK_epoch_1.pth'))


def test_tests_with_the_same_scores_and_writes_the_test_servers_file(trained, data, tmp_path):
    checkpoint = trained / 'epoch_1.pth'
    metrics, known = tmp_path / 'metrics.json', tmp_path / 'known.mat'
    assert call('test.py', CONFIG, checkpoint, '--work-dir', tmp_path, '--out', metrics,
                '--cfg-options', *options(data), f'test_evaluator.result_file={known}') is None
    found = json.loads(metrics.read_text())
    assert {'Head PCK', 'Ankle PCK', 'PCK', 'PCK@0.1'} <= found.keys()
    log = next(trained.glob('*/*.log')).read_text()
    validated = float(re.search(r'Epoch\(val\) .* PCK: (\S+)', log)[1])
    assert found['PCK'] == pytest.approx(validated, abs=1e-5)

    unknown = tmp_path / 'unknown.mat'
    command = ('test.py', CONFIG, checkpoint, '--work-dir', tmp_path, '--format-only', unknown,
               '--cfg-options', *options(data, 'test.json', heads=False))
    assert call(*command) is None
    written = loadmat(unknown)['preds']
    persons = json.loads((data / 'val' / 'test.json').read_text())
    assert written.shape == (len(persons), 16, 2)
    assert (written == loadmat(known)['preds']).all()  # joints are not looked at
    assert 'unknown.mat is there already' in call(*command)
    assert (loadmat(unknown)['preds'] == written).all()


@pytest.mark.parametrize('change, message', [
    ('test_dataloader.dataset.headbox_file=None', 'headbox_file of the dataset is not set'),
    ('test_dataloader.dataset.headbox_file=no.mat', 'no.mat does not exist'),
    ('test_dataloader.dataset.ann_file=test.json', 'has a labeled joint'),
    ('test_dataloader.dataset.ann_file=no.json', 'no.json does not exist'),
    ('test_evaluator.format_only=True', 'needs a result_file'),
    ('train_dataloader.dataset.ann_file=../val/test.json', 'has no joints to train on'),
    ('val_dataloader.dataset.headbox_file=None', 'headbox_file of the dataset is not set'),
    ('val_evaluator.result_file=preds.mat', 'result_file preds.mat is written once'),
])
def test_what_does_not_fit_is_one_message(trained, data, tmp_path, change, message):
    """Also before training, although validation would come hours later."""
    tool = ('test.py', CONFIG, trained / 'epoch_1.pth')
    if not change.startswith('test'):
        tool = ('train.py', CONFIG)
    error = call(*tool, '--work-dir', tmp_path, '--cfg-options', *options(data), change)
    assert isinstance(error, str) and error.startswith(f'{tool[0]}: error: ')
    assert message in error and not list(tmp_path.glob('*.pth'))
