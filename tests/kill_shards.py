"""Kills runs of shards at random moments, and tells what was lost. Run it by hand:

    python -m tests.kill_shards FOLDER [--ray] [--kills 20] [--images 3000] [--seed 0]

The command is killed (SIGKILL) that many times and started again, mostly while it writes parts, and
sometimes while it starts; a run that came to its end gives way to the next. After every kill, all
parts that are there are compared with those of a run that was not killed.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests.tools.tiny_run import ROOT, draw_persons, environment, write_run, write_weights

SHARD_SIZE = 32
#: Seconds after which a command is killed: after it has begun to write, or after its start.
AFTER_WRITING, AFTER_START = (0., 6.), (1., 10.)
#: Share of the kills that come after the start.
EARLY = 0.2
#: Seconds after which the processes of a killed command must be gone.
GRACE = 5.


def write_job(folder: Path, images: int) -> None:
    """Draw images, and write a small network and a manifest."""
    write_weights(write_run(folder))
    draw_persons(folder, images)
    rows = [dict(id=i, path=f'{i:03d}.png',
                 boxes=[[5 + n + i % 20, 3, 70, 60] for n in range(i % 3)])
            for i in range(1, images + 1)]
    (folder / 'manifest.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))


def command(folder: Path, out: str, ray: bool) -> list[str]:
    """The command that predicts the manifest."""
    return [sys.executable, str(ROOT / 'tools' / 'predict.py'), '--model', 'tiny.py', 'tiny.pth',
            '--device', 'cpu', '--manifest', 'manifest.jsonl', '--output', out, '--shard-size',
            str(SHARD_SIZE), *(['--ray', '--workers', '2'] if ray else [])]


def start(folder: Path, out: str, ray: bool) -> subprocess.Popen:
    return subprocess.Popen(command(folder, out, ray), cwd=folder, env=environment(),
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def parts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob('part-*')}


def left_behind(folder: Path) -> int:
    """Processes that work on a folder, and workers of Ray."""
    count = 0
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            line = path.read_bytes().decode(errors='replace')
        except OSError:
            continue
        count += 'manifest.jsonl' in line or line.startswith('ray::ShardActor')
    return count


def wait_for_writing(process: subprocess.Popen, out: Path) -> None:
    """Wait until a process writes a part, or has ended."""
    began = time.time()
    while process.poll() is None and not any(time_of(path) >= began for path in parts_in_work(out)):
        time.sleep(0.02)


def parts_in_work(out: Path) -> list[Path]:
    return list((out / '_job').glob('*.parquet*'))


def time_of(path: Path) -> float:
    """When a file was written, or 0 if it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.


def kill(folder: Path, ray: bool, kills: int, whole: dict[str, bytes]) -> Counter:
    """Kill and start again; returns what was found."""
    found: Counter = Counter()
    out, runs = f'run{ray:d}-0', 0
    while found['killed'] < kills:
        process = start(folder, out, ray)
        early = random.random() < EARLY
        if not early:
            wait_for_writing(process, folder / out)
        try:
            status = process.wait(random.uniform(*(AFTER_START if early else AFTER_WRITING)))
            found['runs that came to their end'] += 1
            found['ends with an error'] += status != 0
            found['runs that differ from the unbroken one'] += parts(folder / out) != whole
            runs += 1
            out = f'run{ray:d}-{runs}'
            continue
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        found['killed'] += 1
        there = parts(folder / out)
        found['killed with some parts but not all'] += 0 < len(there) < len(whole)
        found['killed while a part was being written'] += bool(parts_in_work(folder / out))
        found['parts that differ'] += sum(whole.get(name) != data for name, data in there.items())
        if found['killed'] % 2:  # every other time at once, while workers may still be there
            time.sleep(GRACE)
            found['processes left behind'] += left_behind(folder)
    status = start(folder, out, ray).wait()
    found['ends with an error'] += status != 0
    found['runs that differ from the unbroken one'] += parts(folder / out) != whole
    found['unfinished files left'] = sum(len([*(folder / f'run{ray:d}-{n}/_job').glob(pattern)])
                                         for n in range(runs + 1) for pattern in ('part-*', ))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('folder', type=Path, help='a new folder')
    parser.add_argument('--ray', action='store_true', help='kill runs of Ray with two workers')
    parser.add_argument('--kills', type=int, default=20)
    parser.add_argument('--images', type=int, default=3000)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    random.seed(args.seed)
    folder = args.folder.resolve()
    folder.mkdir(parents=True)
    write_job(folder, args.images)
    assert start(folder, 'whole', ray=False).wait() == 0
    whole = parts(folder / 'whole')
    print(f'{len(whole)} parts', dict(kill(folder, args.ray, args.kills, whole)), flush=True)


if __name__ == '__main__':
    main()
