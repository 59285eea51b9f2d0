"""Commands one after the other in processes of their own, several such chains at a time."""

import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

#: Seconds between two looks at the processes.
INTERVAL = 0.2
#: Seconds that an interrupted process has to end by itself.
PATIENCE = 10.

Command = Sequence[str]


class Job:
    """Commands that follow one another.

    Args:
        name: Whatever tells this job from the others.
        commands: What to run. The next command is asked for when the one before has ended.
        log: File that the output of all is added to.
        env: Environment of the processes.
    """

    def __init__(self, name: Any, commands: Iterable[Command], log: Path,
                 env: dict[str, str]) -> None:
        self.name = name
        self.log = log
        self.seconds = 0.
        self.failed = False
        self._commands: Iterator[Command] = iter(commands)
        self._env = env
        self._start = 0.
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start the first command."""
        self._start = time.monotonic()
        self._next()

    def is_over(self) -> bool:
        """Whether all commands have ended, or one has failed; starts the next one in between."""
        if self._process is None:
            return True
        code = self._process.poll()
        if code is None:
            return False
        self.failed = code != 0
        self._process = None
        if not self.failed:
            self._next()
        self.seconds = time.monotonic() - self._start
        return self._process is None

    def stop(self) -> None:
        """End the command that is running."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def last_line(self) -> str:
        """What the log ends with."""
        lines = [line for line in self.log.read_text(errors='replace').splitlines()
                 if line.strip()] if self.log.exists() else []
        return lines[-1].strip() if lines else 'no output'

    def _next(self) -> None:
        command = next(self._commands, None)
        if command is not None:
            with open(self.log, 'ab') as log:
                self._process = subprocess.Popen(
                    list(command), stdout=log, stderr=subprocess.STDOUT, env=self._env)


def run_jobs(jobs: Iterable[Job], at_a_time: int, started: Callable[[Job], None],
             ended: Callable[[Job], None]) -> None:
    """Run all jobs; when this is interrupted, so are they.

    Args:
        at_a_time: Number of jobs that run at the same time.
        started: Called with a job that is about to start.
        ended: Called with a job that is over.
    """
    waiting = deque(jobs)
    running: list[Job] = []
    try:
        while waiting or running:
            while waiting and len(running) < at_a_time:
                job = waiting.popleft()
                started(job)
                running.append(job)
                job.start()
            over = [job for job in running if job.is_over()]
            for job in over:
                running.remove(job)
                ended(job)
            if not over:
                time.sleep(INTERVAL)
    finally:
        for job in running:
            job.stop()
