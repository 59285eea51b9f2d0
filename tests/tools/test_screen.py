"""What training and testing show on the screen, and what goes to the log file."""

import json
import re
import sys

import pytest

from tests.tools.tiny_run import ROOT, fork, spawn, write_run

WIDTH = 120
NOISE = ('FileClient', 'HardDiskBackend', 'pkg_resources', 'metainfo config file', 'Exp name',
         'creating index', 'Average Precision', '\x1b')
OPTIONS = ('--cfg-options', 'train_cfg.max_epochs=2', 'train_cfg.val_interval=1',
           'default_hooks.logger.interval=2')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    write_run(folder)
    return folder


def screen_of(folder, *command):
    """All lines that a tool writes, to the standard output and to the standard error."""
    with fork(*command, cwd=folder) as process:
        output = process.stdout.read()
    assert process.returncode == 0, output
    return output.splitlines()


@pytest.fixture(scope='module')
def trained(folder):
    # Started as users start it: what the imports write belongs to the screen.
    with spawn(sys.executable, ROOT / 'tools/train.py', 'tiny.py', '--work-dir', 'work', *OPTIONS,
               cwd=folder) as process:
        output = process.stdout.read()
    assert process.returncode == 0, output
    return output.splitlines()


def log_of(work_dir):
    return next(work_dir.glob('*/*.log')).read_text()


def test_few_lines_come_before_the_first_of_training(trained):
    first = next(i for i, line in enumerate(trained) if line.startswith('epoch '))
    assert first <= 20
    head = '\n'.join(trained[:first])
    for line in ('Training tiny', 'network     RSN + MultiStageRSNHead, 0.3 M parameters',
                 'data        16 samples of persons.json',
                 'validation  16 samples of persons.json, every epoch', 'batch       4 images',
                 'length      2 epochs', 'precision   float32', 'device      CPU, 1 thread',
                 'folder      work'):
        assert line in head
    assert re.search(r'log +work/\S+\.log', head)


def test_lines_are_short_and_nothing_is_said_twice(trained):
    assert max(map(len, trained)) <= WIDTH
    text = '\n'.join(trained)
    assert not [noise for noise in NOISE if noise in text]
    lines = [line for line in trained if line.startswith('epoch ')]
    assert [line[:15] for line in lines] == [
        'epoch 1/2  2/4 ', 'epoch 1/2  4/4 ', 'epoch 2/2  2/4 ', 'epoch 2/2  4/4 ']
    assert all(re.fullmatch(r'epoch \d/2  \d/4  left \d+:\d\d:\d\d +[\d.]+ images/s  loss \d+  '
                            r'lr 1\.00e-03', line) for line in lines)


def test_a_validation_is_one_table_with_every_metric_once(trained):
    for epoch in (1, 2):
        assert trained.count(f'validation after epoch {epoch}') == 1
    names = [line for line in trained if re.search(r'\bAP\b', line)]
    assert len(names) == 2 and all('AR (L)' in line and 'EPE' in line for line in names)
    assert sum('╭' in line for line in trained) == 2


def test_warnings_reach_the_screen(trained):
    assert 'warning: The prefix is not set in metric class EPE.' in trained


def test_the_log_file_is_complete(folder, trained):
    log = log_of(folder / 'work')
    for text in ('System environment', 'Config:', 'Hooks will be executed', 'Training tiny',
                 'Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all', 'coco/AP: ',
                 'stage0_unit3_ohkm', 'Saving checkpoint at 2 epochs', 'Exp name', 'prefix is not'):
        assert text in log, text
    assert len(re.findall(r'Epoch\(train\) \[\d\]\[\d/4\]', log)) == 4
    scalars = [json.loads(line) for line in next(
        (folder / 'work').glob('*/vis_data/scalars.json')).read_text().splitlines()]
    assert sum('loss' in line for line in scalars) == 4
    assert sum('coco/AP' in line for line in scalars) == 2


def test_a_test_names_what_it_tests_and_shows_one_table(folder, trained):
    lines = screen_of(folder, 'test.py', 'tiny.py', 'work/epoch_2.pth', '--work-dir', 'test',
                      '--optimize', 'bf16')
    # The place of a Python warning is longer where the repository lies deep.
    assert max(len(line) for line in lines if 'bfloat16 is slow' not in line) <= WIDTH
    text = '\n'.join(lines)
    assert not [noise for noise in NOISE if noise in text]
    for line in ('Testing tiny', 'weights     work/epoch_2.pth',
                 'precision   bfloat16, in the test-time form', 'data        16 samples of'):
        assert line in text
    assert re.search(r'\ntest  4/4  left 0:00:00 +[\d.]+ images/s\n', text)
    assert sum(bool(re.search(r'\bAP\b', line)) for line in lines) == 1
    assert 'Average Precision  (AP)' in log_of(folder / 'test')


@pytest.mark.parametrize('options', [('--verbose', *OPTIONS),
                                     (*OPTIONS, 'log_processor.type=LogProcessor')])
def test_the_whole_log_is_shown_on_request(folder, tmp_path, options):
    text = '\n'.join(screen_of(folder, 'train.py', 'tiny.py', '--work-dir', tmp_path, *options,
                               'train_cfg.max_epochs=1'))
    assert 'System environment' in text and 'Average Precision  (AP)' in text
    assert 'Epoch(train) [1][2/4]' in text and 'Training tiny' in text
    assert 'epoch 1/1' not in text


def test_a_resumed_run_names_its_checkpoint(folder, trained):
    text = '\n'.join(screen_of(folder, 'train.py', 'tiny.py', '--work-dir', 'work', '--resume',
                               '--no-validate', *OPTIONS, 'train_cfg.max_epochs=3'))
    assert 'resumed     work/epoch_2.pth' in text
    assert 'length      3 epochs, from epoch 3 on' in text
    assert 'validation' not in text and 'epoch 3/3  2/4' in text
