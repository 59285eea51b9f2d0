"""A bar for images on the standard error, with their rate and the time that is left."""

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


class _Rate(ProgressColumn):
    """Images per second."""

    def render(self, task: Task) -> Text:
        return Text('' if task.speed is None else f'{task.speed:.1f} images/s')


def image_progress() -> Progress:
    """A bar that counts images."""
    return Progress(TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), _Rate(),
                    TimeRemainingColumn(), console=Console(stderr=True))
