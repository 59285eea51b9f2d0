"""A sweep of three tiny runs: one that fails, one that is interrupted and goes on."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest
import torch
import yaml

from rsn_mm.cli import jobs
from rsn_mm.cli.compare import RSN_MM
from tests.forks import Fork
from tests.tools.tiny_run import call, environment, fork, write_run

SWEEP = dict(
    config='tiny.py', metrics={'distance': 'EPE', 'OKS AP': 'coco/AP'},
    groups=[dict(title='Tiny', seeds=[5], runs={
        'Short': {'train_cfg.max_epochs': 1},
        'Long': {'train_cfg.max_epochs': 2, 'train_dataloader.batch_size': 1},
        'Broken': {'model.backbone.depth': 19},
    })])


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    write_run(tmp_path)
    path = tmp_path / 'sweep.yml'
    path.write_text(yaml.safe_dump(SWEEP, sort_keys=False))
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    return path


def fork_command(command, stdout, stderr, env):
    """What a job starts, without the seconds of its imports."""
    assert command[:3] == list(RSN_MM)
    run = 'import runpy; runpy.run_module("rsn_mm.cli", run_name="__main__")'
    return Fork(run, *command[3:], is_code=True, cwd=Path.cwd(), env=env, log=Path(stdout.name))


def test_an_interrupted_sweep_goes_on_and_its_table_is_written(
        sweep, tmp_path, monkeypatch, capsys):
    runs = tmp_path / 'runs'
    with fork('compare.py', sweep, '--work-dir', runs, cwd=tmp_path) as process:
        # Stopped in its second epoch; SIGTERM, since a test runner may ignore SIGINT.
        long_log = runs / 'long_seed5' / 'log.txt'
        while process.poll() is None:
            if long_log.exists() and 'epoch 2/2   2/16' in long_log.read_text():
                process.send_signal(signal.SIGTERM)
                break
            time.sleep(0.02)
        output = process.stdout.read()
    assert process.returncode == 1, output
    assert '3 runs, 0 of them have finished before' in output
    assert '[1/3] Short, seed 5: distance ' in output
    assert 'compare.py: error: interrupted' in output
    assert not (runs / 'long_seed5' / 'result.json').exists()
    result = runs / 'short_seed5' / 'result.json'
    before = os.stat(result).st_mtime_ns

    monkeypatch.setattr(jobs, 'subprocess', SimpleNamespace(
        Popen=fork_command, STDOUT=subprocess.STDOUT, TimeoutExpired=subprocess.TimeoutExpired))
    error = call('compare.py', sweep, '--work-dir', runs, '--jobs', 2)
    output = capsys.readouterr().out
    assert error == 'compare.py: error: 1 of 3 runs failed: Broken, seed 5'
    assert re.search(r'\[\d/2\] Broken, seed 5: failed: .*depth=19', output)
    assert '3 runs, 1 of them have finished before' in output and 'Short' not in (
        line.split(',')[0] for line in output.splitlines() if line.startswith('start'))
    assert os.stat(result).st_mtime_ns == before
    assert re.search(r'resumed +.*epoch_1\.pth', long_log.read_text())
    assert torch.load(runs / 'long_seed5' / 'train' / 'epoch_2.pth')['meta']['iter'] == 32

    rows = {row['name']: row for row in json.loads((runs / 'comparison.json').read_text())}
    assert {name: row['seeds'] for name, row in rows.items()} == {
        'Short': [5], 'Broken': [], 'Long': [5]}
    measured = json.loads((runs / 'long_seed5' / 'metrics.json').read_text())
    assert rows['Long']['scores'] == {
        'distance': [measured['EPE']], 'OKS AP': [measured['coco/AP']]}
    table = (runs / 'comparison.md').read_text()
    assert f'| Long | 1 | {measured["EPE"]:.3f} |' in table
    assert '| Broken | 0 | not run | not run |' in table
    assert cv2.imread(str(runs / 'comparison.png')) is not None

    # What has finished is not taken for a run with other settings.
    sweep.write_text(sweep.read_text().replace('max_epochs: 2', 'max_epochs: 3'))
    (runs / 'long_seed5' / 'result.json').unlink()
    assert 'differs from what the sweep says now' in call(
        'compare.py', sweep, '--work-dir', runs)


@pytest.mark.parametrize('options, message', [
    (('--runs', 'Shrt'), "there is no run 'Shrt'; did you mean 'Short'?"),
    (('--jobs', 0), '--jobs 0: expected 1 or more'),
])
def test_bad_options_run_nothing(sweep, tmp_path, options, message):
    assert call('compare.py', sweep, '--work-dir', tmp_path / 'runs', *options) == (
        f'compare.py: error: {message}')
    assert not (tmp_path / 'runs').exists()


def test_a_report_of_nothing_says_so(sweep, tmp_path, capsys):
    assert call('compare.py', sweep, '--work-dir', tmp_path / 'runs', '--report') is None
    assert 'no run has finished' in capsys.readouterr().out
