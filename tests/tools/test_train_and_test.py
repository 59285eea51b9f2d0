"""Training and testing from the command line, on drawn images."""

import json
import os
import pickle
import re
import signal
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.config import Config

from tests.tools.tiny_run import ROOT, call, fork, spawn, write_run

#: 2 epochs of 16 iterations, so that there is time to be killed in the middle of the second.
SHORT = ('--no-validate', '--cfg-options', 'train_dataloader.batch_size=1',
         'train_cfg.max_epochs=2')


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A folder with a config and, in ``done``, the checkpoint of a finished run."""
    folder = tmp_path_factory.mktemp('run')
    config = write_run(folder)
    assert call('train.py', config, '--work-dir', folder / 'done', *SHORT) is None
    return folder


def weights(path):
    return torch.load(path)['state_dict']


def error_of(code):
    """The message a tool exits with."""
    assert isinstance(code, str), code
    return code


# ------------------------------------------------------------------------------ killed and resumed


def test_a_run_killed_in_mid_epoch_goes_on_to_the_same_end(run):
    work_dir = run / 'killed'
    command = ('train.py', run / 'tiny.py', '--work-dir', work_dir, *SHORT)
    with fork(*command, cwd=run) as process:
        for line in process.stdout:
            if re.search(r'epoch 2/2   3/16 ', line):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert sorted(path.name for path in work_dir.glob('*.pth')) == ['epoch_1.pth']

    assert call('train.py', run / 'tiny.py', '--work-dir', work_dir, '--resume', *SHORT) is None
    assert [path.name for path in work_dir.glob('*.pth')] == ['epoch_2.pth']
    resumed, unbroken = weights(work_dir / 'epoch_2.pth'), weights(run / 'done' / 'epoch_2.pth')
    assert resumed.keys() == unbroken.keys()
    assert all(torch.equal(resumed[name], unbroken[name]) for name in unbroken)


def test_a_finished_run_is_not_written_over(run):
    before = os.stat(run / 'done' / 'epoch_2.pth').st_mtime_ns
    error = error_of(call('train.py', run / 'tiny.py', '--work-dir', run / 'done'))
    assert re.match(r'train\.py: error: .*done holds epoch_2\.pth already.*--resume', error)
    assert os.stat(run / 'done' / 'epoch_2.pth').st_mtime_ns == before


# ------------------------------------------------------------------- what the options come down to


def config_of(monkeypatch, *args):
    """The config that a tool would run."""
    class Stop(Exception):
        pass

    def stop(cfg, verbose):
        raise Stop(cfg)

    monkeypatch.setattr(f'rsn_mm.cli.{Path(args[0]).stem}.build_runner', stop)
    with pytest.raises(Stop) as stopped:
        call(*args)
    return stopped.value.args[0]


def test_options_of_training(run, monkeypatch, tmp_path):
    cfg = config_of(
        monkeypatch, 'train.py', run / 'tiny.py', '--work-dir', tmp_path, '--amp',
        '--auto-scale-lr', '--no-validate', '--show-dir', 'shown', '--interval', 4,
        '--cfg-options', 'optim_wrapper.optimizer.lr=7', 'train_cfg.max_epochs=9')
    assert cfg.optim_wrapper == dict(
        type='rsn_mm.AmpOptimWrapper', optimizer=dict(type='Adam', lr=7))
    assert cfg.auto_scale_lr == dict(base_batch_size=2, enable=True)
    assert cfg.val_cfg is cfg.val_dataloader is cfg.val_evaluator is None
    assert cfg.default_hooks.visualization == dict(
        type='rsn_mm.PoseVisualizationHook', enable=True, show=False, interval=4, out_dir='shown')
    assert cfg.train_cfg.max_epochs == 9 and cfg.work_dir == str(tmp_path)
    assert not cfg.resume and cfg.launcher == 'none'


@pytest.mark.parametrize('options, wrapper', [
    ((), dict(type='rsn_mm.AmpOptimWrapper', dtype='bfloat16')),
    (('--amp', ), dict(type='rsn_mm.AmpOptimWrapper')),
    (('--no-amp', ), dict(type='OptimWrapper')),
])
def test_amp_is_as_the_config_says_or_as_asked(run, monkeypatch, tmp_path, options, wrapper):
    cfg = config_of(
        monkeypatch, 'train.py', run / 'tiny.py', '--work-dir', tmp_path, *options, '--cfg-options',
        'optim_wrapper.type=rsn_mm.AmpOptimWrapper', 'optim_wrapper.dtype=bfloat16')
    assert {k: v for k, v in cfg.optim_wrapper.items() if k != 'optimizer'} == wrapper


def test_without_a_work_dir_the_config_names_it(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert config_of(monkeypatch, 'train.py', run / 'tiny.py').work_dir == 'work_dirs/tiny'


def test_resuming_finds_the_newest_or_the_named_checkpoint(run, monkeypatch, tmp_path):
    args = ('train.py', run / 'tiny.py', '--work-dir')
    done = str(run / 'done' / 'epoch_2.pth')
    for options in ((run / 'done', '--resume'), (tmp_path, '--resume', done)):
        cfg = config_of(monkeypatch, *args, *options)
        assert (cfg.resume, cfg.load_from) == (True, done)
    cfg = config_of(monkeypatch, *args, tmp_path, '--resume', '--cfg-options', 'load_from=pre.pth')
    assert (cfg.resume, cfg.load_from) == (False, 'pre.pth')  # nothing to resume: from the start


def test_amp_trains_and_scales_the_learning_rate(run, tmp_path, capsys):
    assert call('train.py', run / 'tiny.py', '--work-dir', tmp_path / 'amp', '--amp',
                '--auto-scale-lr', '--show-dir', tmp_path / 'shown', '--interval', 5,
                '--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1') is None
    log = next((tmp_path / 'amp').glob('*/*.log')).read_text()
    assert 'lr: 2.0000e-03' in log  # 1e-3, batches of 4 over a base of 2
    optimizer = torch.load(tmp_path / 'amp' / 'epoch_1.pth')['optimizer']
    assert optimizer['param_groups'][0]['lr'] == 2e-3
    pictures = sorted((tmp_path / 'shown').glob('*/epoch_1/*.jpg'))
    assert [path.name for path in pictures] == [f'{i:03d}_{100 + i}.jpg' for i in (1, 6, 11, 16)]
    assert cv2.imread(str(pictures[0])).shape == (80, 100, 3)


# ------------------------------------------------------------------------------------------ testing


@pytest.fixture(scope='module')
def single(run):
    """What one process writes: metrics and predictions."""
    out, dump = run / 'single.json', run / 'single.pkl'
    assert call('test.py', run / 'tiny.py', run / 'done' / 'epoch_2.pth', '--work-dir',
                run / 'test', '--out', out, '--dump', dump, '--show-dir', run / 'shown',
                '--interval', 7, '--badcase') is None
    return json.loads(out.read_text()), pickle.loads(dump.read_bytes())


def test_metrics_and_predictions_are_written(run, single):
    metrics, predictions = single
    assert {'coco/AP', 'EPE'} <= metrics.keys() and 0 < metrics['EPE'] < 100
    assert [p['id'] for p in predictions] == list(range(101, 117))
    assert predictions[0]['pred_instances']['keypoints'].shape == (1, 17, 2)


def test_every_nth_sample_is_drawn_and_bad_cases_have_their_folder(run, single):
    assert sorted(path.name for path in (run / 'shown').glob('*/*.jpg')) == [
        '001_101.jpg', '008_108.jpg', '015_115.jpg']
    bad = json.loads(next((run / 'test').glob('*/badcase/results.json')).read_text())
    assert 0 < len(bad) <= 16 and len(list((run / 'test').glob('*/badcase/*.png'))) == len(bad)


def test_a_relative_folder_of_pictures_lies_in_the_folder_of_the_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call('test.py', run / 'tiny.py', run / 'done' / 'epoch_2.pth', '--work-dir', 'work',
                '--show-dir', 'vis', '--interval', 8) is None
    assert [path.name for path in tmp_path.iterdir()] == ['work']
    assert sorted(path.name for path in (tmp_path / 'work').glob('*/vis/*.jpg')) == [
        '001_101.jpg', '009_109.jpg']


def test_two_processes_give_the_same_to_the_last_digit(run, single):
    command = ('bash', ROOT / 'tools' / 'dist_test.sh', 'tiny.py', 'done/epoch_2.pth', 2,
               '--work-dir', 'two', '--out', 'two.json', '--dump', 'two.pkl')
    with spawn(*command, cwd=run, PORT='29713') as process:
        output = process.stdout.read()
    assert process.returncode == 0, output
    assert json.loads((run / 'two.json').read_text()) == single[0]
    predictions = pickle.loads((run / 'two.pkl').read_bytes())
    assert [p['id'] for p in predictions] == [p['id'] for p in single[1]]
    for here, there in zip(predictions, single[1]):
        for name in ('keypoints', 'keypoint_scores'):
            assert (here['pred_instances'][name] == there['pred_instances'][name]).all()


def test_two_processes_share_the_batches(run):
    command = ('bash', ROOT / 'tools' / 'dist_train.sh', 'tiny.py', 2, '--no-validate',
               '--work-dir', 'both', '--cfg-options', 'train_cfg.max_epochs=1',
               'model.backbone.norm_cfg.type=SyncBN')
    with spawn(*command, cwd=run, PORT='29714') as process:
        output = process.stdout.read()
    assert process.returncode == 0, output
    assert output.count('epoch 1/1  2/2 ') == output.count('Training tiny') == 1
    assert 'layers use plain BN instead' in output
    trained = weights(run / 'both' / 'epoch_1.pth')
    assert not any(torch.isnan(value).any() for value in trained.values())


# ------------------------------------------------------------------------------------- clear errors


@pytest.mark.parametrize('args, message', [
    (('train.py', 'no.py'), 'config no.py does not exist'),
    (('train.py', 'tiny.py', '--interval', 2), '--interval needs --show or --show-dir'),
    (('train.py', 'tiny.py', '--show-dir', 'd', '--interval', 0), '--interval 0: expected 1 or'),
    (('train.py', 'tiny.py', '--wait-time', 2), '--wait-time needs --show'),
    (('train.py', 'tiny.py', '--show'), '--show: there is no display'),
    (('train.py', 'tiny.py', '--resume', 'no.pth'), 'checkpoint no.pth does not exist'),
    (('train.py', 'tiny.py', '--work-dir', 'new', '--resume', 'tiny.py'),
     'tiny.py is not a complete checkpoint'),
    (('train.py', 'tiny.py', '--auto-scale-lr', '--cfg-options', 'auto_scale_lr=None'),
     'no auto_scale_lr.base_batch_size'),
    (('train.py', 'tiny.py', '--amp', '--cfg-options', 'optim_wrapper.type=ApexOptimWrapper'),
     "--amp cannot replace the optim_wrapper 'ApexOptimWrapper'"),
    (('train.py', 'tiny.py', '--launcher', 'pytorch'), '--launcher pytorch: the environment'),
    (('train.py', 'tiny.py', '--work-dir', 'new', '--cfg-options',
      'train_dataloader.dataset.ann_file=no.json'), 'no.json does not exist'),
    (('train.py', 'tiny.py', '--work-dir', 'new', '--cfg-options',
      'train_dataloader.dataset.data_prefix.img=elsewhere'), '16 images do not exist'),
    (('train.py', 'tiny.py', '--work-dir', 'new', '--cfg-options', 'model.head.out_channels=16'),
     '17 joints, but the head has out_channels=16'),
    (('train.py', 'tiny.py', '--work-dir', 'new', '--cfg-options',
      'model.head.decoder.input_size=(96,128)', 'model.head.decoder.heatmap_size=(24,32)'),
     'TopdownAffine has input_size=(48, 64), but the codec of the head (decoder) (96, 128)'),
    (('train.py', 'tiny.py', '--work-dir', 'new', '--resume', 'done/epoch_2.pth', '--cfg-options',
      'model.backbone.unit.num_branches=3'), 'does not fit the model of the config'),
    (('train.py', 'tiny.py', '--work-dir', 'new', '--cfg-options', 'model.backbone.unit=basic',
      'model.backbone.init_cfg.type=rsn_mm.PretrainedResNet',
      'model.backbone.init_cfg.checkpoint=http://127.0.0.1:9/resnet18.pth'),
     'http://127.0.0.1:9/resnet18.pth cannot be downloaded'),
    (('test.py', 'tiny.py', 'no.pth'), 'checkpoint no.pth does not exist'),
    (('test.py', 'no.py', 'done/epoch_2.pth'), 'config no.py does not exist'),
    (('test.py', 'tiny.py', 'tiny.py'), 'checkpoint tiny.py is refused: it is not a file'),
    (('test.py', 'tiny.py', 'http://127.0.0.1:9/no.pth'),
     'http://127.0.0.1:9/no.pth cannot be downloaded'),
    (('test.py', 'tiny.py', 'done/epoch_2.pth', '--out', 'x.txt'), '--out x.txt: expected a file'),
    (('test.py', 'tiny.py', 'done/epoch_2.pth', '--dump', 'x.json'), '--dump x.json: expected a'),
    (('test.py', 'tiny.py', 'done/epoch_2.pth', '--out', 'persons.json'), 'is there already'),
    (('test.py', 'tiny.py', 'done/epoch_2.pth', '--badcase', '--cfg-options',
      'test_dataloader.dataset.bbox_file=det.json'), '--badcase compares'),
    (('test.py', 'tiny.py', 'done/epoch_2.pth', '--cfg-options',
      'model.backbone.unit.num_branches=3'), 'does not fit the model of the config'),
    (('test.py', 'tiny.py', 'done/epoch_2.pth', '--cfg-options', 'model.backbone.unit_channels=8',
      'model.head.unit_channels=8'), 'expected (8,'),
])
def test_what_cannot_be_done_is_said_in_one_message(run, monkeypatch, args, message):
    monkeypatch.chdir(run)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '-1')
    tool = args[0]
    error = error_of(call(*args))
    assert error.startswith(f'{tool}: error: ') and message in error
    assert not list((run / 'new').glob('*.pth'))


def test_an_error_of_the_program_itself_is_not_hidden(run, monkeypatch):
    monkeypatch.chdir(run)
    monkeypatch.setattr('rsn_mm.cli.configs.check_names', lambda cfg: cfg + 1)
    with pytest.raises(TypeError, match='unsupported operand'):
        call('train.py', 'tiny.py', '--work-dir', 'new')


def test_local_rank_comes_under_both_names(run, monkeypatch, tmp_path):
    for name in ('--local_rank', '--local-rank'):
        monkeypatch.setenv('LOCAL_RANK', '')
        monkeypatch.delenv('LOCAL_RANK')
        config_of(monkeypatch, 'train.py', run / 'tiny.py', '--work-dir', tmp_path, f'{name}=3')
        assert os.environ['LOCAL_RANK'] == '3'


def test_the_written_config_can_be_run_again(run):
    assert Config.fromfile(run / 'done' / 'tiny.py').train_dataloader.batch_size == 1
