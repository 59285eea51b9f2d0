"""Chains of commands, several at a time."""

import os
import signal
import sys

import pytest

from rsn_mm.cli.jobs import Job, run_jobs


def python(code):
    return [sys.executable, '-S', '-c', code]


def make(tmp_path, name, *codes):
    return Job(name, map(python, codes), tmp_path / f'{name}.txt', dict(os.environ, WORD='hello'))


def test_commands_follow_one_another_until_one_fails(tmp_path):
    good = make(tmp_path, 'good', 'import os; print(os.environ["WORD"])', 'print(2)')
    bad = make(tmp_path, 'bad', 'print(1)', 'raise SystemExit("what went wrong\\n\\n")', 'print(3)')
    told = []
    run_jobs([good, bad], 1, lambda job: told.append(f'start {job.name}'),
             lambda job: told.append(f'end {job.name}'))
    assert told == ['start good', 'end good', 'start bad', 'end bad']
    assert not good.failed and good.last_line() == '2' and good.seconds > 0
    assert good.log.read_text().split() == ['hello', '2']
    assert bad.failed and bad.last_line() == 'what went wrong'


def test_jobs_at_the_same_time(tmp_path):
    """Each waits for the file of the other."""
    wait = ('import os, time\nopen({mine!r}, "w").close()\nstart = time.time()\n'
            'while not os.path.exists({other!r}) and time.time() < start + 60: time.sleep(0.01)\n'
            'assert os.path.exists({other!r})')
    files = [str(tmp_path / name) for name in 'ab']
    jobs = [make(tmp_path, name, wait.format(mine=mine, other=other))
            for name, mine, other in zip('ab', files, files[::-1])]
    counts = []
    run_jobs(jobs, 2, lambda job: counts.append(1), lambda job: counts.append(-1))
    assert not any(job.failed for job in jobs) and counts == [1, 1, -1, -1]


def test_an_interruption_ends_what_runs_and_starts_nothing(tmp_path):
    first = make(tmp_path, 'first', f'import os, signal, time\nos.kill({os.getpid()}, '
                 'signal.SIGINT)\ntime.sleep(60)')
    second = make(tmp_path, 'second', 'print(1)')
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_jobs([first, second], 1, lambda job: None, lambda job: None)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert first._process.returncode == -signal.SIGTERM
    assert not second.log.exists()
