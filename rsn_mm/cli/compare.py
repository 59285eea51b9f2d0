"""Train and evaluate all runs of a sweep, and put their scores side by side."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmengine.config import Config
from rich.console import Console
from rich.table import Table

from rsn_mm.analysis import comparison
from rsn_mm.errors import CommandError, listing
from rsn_mm.files import check_new_file, written_whole

from .jobs import Command, Job, run_jobs
from .run_folder import latest_checkpoint
from .running import run_command
from .sweep import Run, Sweep, read_sweep

#: Runs a command of this package in a process of its own.
RSN_MM = (sys.executable, '-m', 'rsn_mm.cli')
#: Files in the folder of a run.
CONFIG, LOG, METRICS, RESULT = 'config.py', 'log.txt', 'metrics.json', 'result.json'
#: Columns, where the output is no terminal that knows its width.
WIDTH = 120


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Train and evaluate a list of networks under the same conditions, with '
        'several seeds, and write their scores as a table (comparison.md), a picture '
        '(comparison.png) and numbers (comparison.json). The same command goes on where it was '
        'interrupted: finished runs are not repeated.')
    parser.add_argument('sweep', type=Path, help='YAML file with the list of runs, for example '
                        'configs/compare/lsp.yml')
    parser.add_argument('--work-dir', type=Path, metavar='DIR', help='folder of the runs and of '
                        'what is written (default work_dirs/compare/SWEEP)')
    parser.add_argument('--jobs', type=int, default=1, metavar='N',
                        help='runs at the same time, which share the processor (default 1)')
    parser.add_argument('--runs', nargs='+', metavar='NAME',
                        help='make these runs only (default all)')
    parser.add_argument('--report', action='store_true',
                        help='run nothing: only write the scores of what has finished')
    return parser


def compare(args: argparse.Namespace) -> None:
    """Make the runs of the sweep and report their scores."""
    if args.jobs < 1:
        raise CommandError(f'--jobs {args.jobs}: expected 1 or more')
    sweep = read_sweep(args.sweep)
    runs = sweep.select(args.runs) if args.runs else list(sweep.runs)
    folder = args.work_dir or Path('work_dirs', 'compare', args.sweep.stem)
    failed = []
    if not args.report:
        # However this process is ended, the runs end with it.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            failed = make(runs, sweep, folder, args.jobs)
        except KeyboardInterrupt:
            report(sweep, folder)
            raise CommandError('interrupted; the same command goes on from here') from None
    report(sweep, folder)
    if failed:
        raise CommandError(f'{len(failed)} of {len(runs)} runs failed: {listing(failed)}')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(compare, parser.parse_args(argv), parser.prog)


# ---------------------------------------------------------------------------------- making the runs


def make(runs: Sequence[Run], sweep: Sweep, folder: Path, at_a_time: int) -> list[str]:
    """Make the runs that have not finished; returns those that failed."""
    waiting = [run for run in runs if not (folder / run.folder / RESULT).exists()]
    print(f'{len(runs)} runs, {len(runs) - len(waiting)} of them have finished before', flush=True)
    for run in waiting:
        prepare(run, folder / run.folder)
    threads = max(1, len(os.sched_getaffinity(0)) // at_a_time)
    env = {'OMP_NUM_THREADS': str(threads), **os.environ}
    jobs = [Job(run, commands(folder / run.folder), folder / run.folder / LOG, env)
            for run in waiting]
    failed: list[str] = []
    num_over = 0

    def started(job: Job) -> None:
        print(f'start {job.name} (log: {job.log})', flush=True)

    def ended(job: Job) -> None:
        nonlocal num_over
        num_over += 1
        run = job.name
        if job.failed:
            failed.append(str(run))
            outcome = f'failed: {job.last_line()} (log: {job.log})'
        else:
            scores = finish(run, sweep, folder / run.folder, job.seconds)
            outcome = ', '.join(f'{name} {value:.3f}' for name, value in scores.items())
        print(f'[{num_over}/{len(jobs)}] {run}: {outcome}; {job.seconds / 60:.1f} minutes',
              flush=True)

    run_jobs(jobs, at_a_time, started, ended)
    return failed


def prepare(run: Run, folder: Path) -> None:
    """Write the config of a run.

    Raises:
        CommandError: If the folder is that of a run with another config.
    """
    cfg = run.build_config()
    path = folder / CONFIG
    if path.exists():
        if Config.fromfile(path).to_dict() != cfg.to_dict():
            raise CommandError(f'{path} of run {run} differs from what the sweep says now; '
                               'remove its folder or choose another --work-dir')
        return
    check_new_file(path, CONFIG)
    with written_whole(path) as file:
        file.write(cfg.pretty_text.encode())


def commands(folder: Path) -> Iterator[Command]:
    """What a run consists of: training, or what is left of it, and the evaluation."""
    train = folder / 'train'
    config = str(folder / CONFIG)
    yield [*RSN_MM, 'train', config, '--work-dir', str(train), '--resume',
           '--no-validate']
    checkpoint = latest_checkpoint(Config(dict(work_dir=str(train))))
    (folder / METRICS).unlink(missing_ok=True)
    yield [*RSN_MM, 'test', config, str(checkpoint), '--work-dir',
           str(folder / 'test'), '--out', str(folder / METRICS)]


def finish(run: Run, sweep: Sweep, folder: Path, seconds: float) -> dict[str, float]:
    """Note what a run has come to, which also says that it has finished.

    Raises:
        CommandError: If the evaluation does not give a metric of the sweep.
    """
    found = json.loads((folder / METRICS).read_text())
    for name in sweep.metrics.values():
        if name not in found:
            raise CommandError(f'run {run} has no metric {name!r}, only {listing(found)}')
    scores = {title: found[name] for title, name in sweep.metrics.items()}
    with written_whole(folder / RESULT) as file:
        file.write(json.dumps(dict(scores=scores, minutes=seconds / 60), indent=1).encode())
    return scores


# -------------------------------------------------------------------------------------- the report


def collect(sweep: Sweep, folder: Path) -> list[comparison.Row]:
    """The scores of all runs of a sweep that have finished."""
    rows: dict[str, comparison.Row] = {}
    for run in sweep.runs:
        row = rows.setdefault(run.name, comparison.Row(
            run.name, run.group, [], {title: [] for title in sweep.metrics}, []))
        path = folder / run.folder / RESULT
        if path.exists():
            result = json.loads(path.read_text())
            row.seeds.append(run.seed)
            row.minutes.append(result['minutes'])
            for title, scores in row.scores.items():
                scores.append(result['scores'][title])
    return list(rows.values())


def report(sweep: Sweep, folder: Path) -> None:
    """Show the table, and write it with the picture and the numbers."""
    rows, metrics = collect(sweep, folder), list(sweep.metrics)
    if not any(row.seeds for row in rows):
        print('no run has finished, there is nothing to compare')
        return
    table = Table()
    for name in comparison.header(metrics):
        table.add_column(name, justify='right' if name else 'left')
    for row in rows:
        table.add_row(*comparison.cells(row, metrics))
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(table)
    (folder / 'comparison.md').write_text(comparison.to_markdown(rows, metrics))
    (folder / 'comparison.json').write_text(comparison.to_json(rows))
    comparison.plot(rows, metrics, folder / 'comparison.png')
    print(f'written: {folder}/comparison.md, comparison.json, comparison.png')
