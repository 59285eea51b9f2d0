"""The progress of ``rsn-mm predict`` on the screen, and how it ends."""

import sys
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from rsn_mm.errors import CommandError, ExistingFileError

EXIT_INTERRUPTED, EXIT_SKIPPED = 130, 3
Summary = TypeVar('Summary')


class _Rate(ProgressColumn):
    """Inputs per second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        return Text('' if task.speed is None else f'{task.speed:.1f} {self._unit}/s')


def progress_bar(unit: str) -> Progress:
    """A bar on the standard error for what is counted, with its rate and the time that is left."""
    return Progress(TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(),
                    _Rate(unit), TimeRemainingColumn(), console=Console(stderr=True))


def show_progress(run: Callable[[Callable[[int], None]], Summary], total: int | None,
                  unit: str) -> Summary:
    """Do a job, with its rate and the time that is left on the screen.

    Args:
        run: Does the job; it gets a function that it calls with a number of inputs that are done.
        total: Number of inputs, if it is known.
        unit: What is counted.
    """
    with progress_bar(unit) as progress:
        task = progress.add_task('Predicting', total=total)
        try:
            return run(lambda number: progress.advance(task, number))
        except ExistingFileError as error:
            raise CommandError(f'{error}; --force discards it') from error
        except KeyboardInterrupt:
            progress.stop()
            print('interrupted; the same command goes on where it was', file=sys.stderr)
            sys.exit(EXIT_INTERRUPTED)
