"""Kills commands at random moments, and tells what was lost. Run it by hand:

    python -m tests.kill_runs FOLDER [--kills 25] [--seed 0]

Each command is killed (SIGKILL) that many times and started again. Counted are checkpoints that
cannot be read, checkpoints that disappeared, and processes that stay behind. In the end each
command is left to finish, and its result is compared with that of a run that was not killed.
"""

import argparse
import random
import subprocess
import sys
import time
from collections import Counter
from itertools import count
from pathlib import Path

import torch

from rsn_mm.checkpoints import read
from rsn_mm.errors import CheckpointError
from tests.tools.tiny_detector import DETECTOR, OPTIONS, write_detector
from tests.tools.tiny_run import ROOT, draw_persons, environment, write_run, write_weights

EPOCHS = 120
#: Seconds after which workers of a killed process must be gone.
GRACE = 3.


def start(*command: object) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, *map(str, command)], cwd=ROOT, env=environment(),
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def finish(*command: object) -> None:
    assert start(*command).wait() == 0, command


def left_behind(folder: Path) -> int:
    """Processes whose command line names a folder."""
    number = 0
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            words = path.read_bytes().decode().split('\0')
        except OSError:
            continue
        number += str(folder) in words
    return number


def kill_after(seconds: float, folder: Path, *command: object) -> bool:
    """Start a command and kill it; returns whether it was still running."""
    process = start(*command)
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def kill_trainings(folder: Path, kills: int) -> Counter:
    config = folder / 'tiny.py'
    write_run(folder)
    text = config.read_text()
    for old, new in (
            ('by_epoch=True, max_epochs=3, val_interval=3',
             f"type='rsn_mm.TrainLoop', max_epochs={EPOCHS}, val_interval=2"),
            ('batch_size=4, num_workers=0', 'batch_size=4, num_workers=2, persistent_workers=True'),
            ("    dict(type='GetBBoxCenterScale'),\n    affine",
             "    dict(type='GetBBoxCenterScale'),\n    dict(type='rsn_mm.ScaleRotateBBox'),\n"
             '    affine'),
            ('default_hooks = dict(',
             "default_hooks = dict(seed=dict(type='rsn_mm.SeedHook'),\n"
             "    workers=dict(type='rsn_mm.WorkersHook'), stop=dict(type='rsn_mm.StopHook'),")):
        assert old in text
        text = text.replace(old, new)
    config.write_text(text)
    found = Counter()
    work_dir, tool = folder / 'killed', ROOT / 'tools' / 'train.py'
    newest = -1
    for _ in range(kills):
        found['killed'] += kill_after(random.uniform(5, 11), work_dir, tool, config, '--work-dir',
                                      work_dir, '--resume')
        time.sleep(GRACE)
        found['processes left behind'] += left_behind(work_dir)
        iterations = []
        for path in work_dir.glob('*.pth'):
            try:
                iterations.append(read(path)['meta']['iter'])
            except CheckpointError:
                found['unreadable checkpoints'] += 1
        found['checkpoints lost'] += max(iterations, default=-1) < newest
        newest = max([newest, *iterations])
    finish(tool, config, '--work-dir', work_dir, '--resume')
    finish(tool, config, '--work-dir', folder / 'unbroken')
    one, other = (read(folder / name / f'epoch_{EPOCHS}.pth')['state_dict']
                  for name in ('killed', 'unbroken'))
    found['tensors that differ from the unbroken run'] = sum(
        not torch.equal(one[key], other[key]) for key in one)
    found['.part files left'] = len(list(work_dir.rglob('*.part')))
    return found


def kill_generators(folder: Path, kills: int) -> Counter:
    """Every start asks for other pictures, so that a mixture would show."""
    found = Counter()
    out, tool = folder / 'killed', ROOT / 'tools' / 'make_synthetic.py'

    def options(seed: int) -> tuple:
        return '--train', 600, '--val', 0, '--workers', 2, '--seed', seed

    for seed in range(kills):
        found['killed'] += kill_after(random.uniform(4, 8), out, tool, out, *options(seed),
                                      '--force')
        if seed % 2:  # at once, while workers may still be there
            time.sleep(GRACE)
            found['processes left behind'] += left_behind(out)
    finish(tool, out, *options(kills), '--force')
    finish(tool, folder / 'unbroken', *options(kills))
    killed, unbroken = ({path.relative_to(root): path.read_bytes() for path in root.rglob('*')
                         if path.is_file() and path.suffix != '.lock'}
                        for root in (out, folder / 'unbroken'))
    found['files that differ from the unbroken run'] = sum(
        killed.get(name) != unbroken.get(name) for name in {*killed, *unbroken})
    return found


def kill_file_writers(folder: Path, kills: int, *command: object) -> Counter:
    """Kill a command that writes one file, its last argument, and goes on where it was.

    Once the file is there, the command is started again with another one.
    """
    found = Counter()
    unbroken = folder / 'unbroken' / 'found.json'
    finish(*command, unbroken)
    names = (folder / f'killed-{number}' / 'found.json' for number in count())
    out = next(names)

    def compare() -> None:
        found['files that differ from the unbroken run'] += (
            out.read_bytes() != unbroken.read_bytes())
        found['other files left'] += len(list(out.parent.iterdir())) - 1

    while found['killed'] < kills:
        was_killed = kill_after(random.uniform(6, 16), out, *command, out)
        if was_killed:
            found['killed'] += 1
            found['killed with a part of the results'] += any(out.parent.glob('*.partial'))
            found['processes left behind'] += left_behind(out)
        if not was_killed or out.exists():
            compare()
            out = next(names)
    finish(*command, out)
    compare()
    return found


def kill_predictions(folder: Path, kills: int) -> Counter:
    write_weights(write_run(folder))
    (folder / 'photos').mkdir()
    draw_persons(folder / 'photos', 2000)
    return kill_file_writers(
        folder, kills, ROOT / 'tools' / 'predict.py', folder / 'photos', '--whole-image', '--model',
        folder / 'tiny.py', folder / 'tiny.pth', '--output')


def kill_detections(folder: Path, kills: int) -> Counter:
    weights = write_detector(folder)
    (folder / 'photos').mkdir()
    draw_persons(folder / 'photos', 600)
    return kill_file_writers(
        folder, kills, ROOT / 'tools' / 'detect_persons.py', *OPTIONS, '--batch-size', 1,
        DETECTOR, weights, folder / 'photos')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('folder', type=Path, help='a new folder')
    parser.add_argument('--kills', type=int, default=25, help='of each command (default 25)')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    random.seed(args.seed)
    for name, kill in (('train', kill_trainings), ('make_synthetic', kill_generators),
                       ('predict', kill_predictions), ('detect_persons', kill_detections)):
        folder = args.folder.resolve() / name
        folder.mkdir(parents=True)
        print(name, dict(kill(folder, args.kills)), flush=True)


if __name__ == '__main__':
    main()
