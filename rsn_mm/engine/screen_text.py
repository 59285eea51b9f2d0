"""Log messages with a short form for the screen."""

from collections.abc import Iterable, Mapping
from io import StringIO

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from rsn_mm.evaluation.joints import JointError

#: Characters of the longest line.
WIDTH = 120


class ScreenText(str):
    """A message whose complete text goes to the log file, and a shorter one to the screen.

    As a string it is the complete text, so any handler of a log can take it.

    Args:
        text: The complete text.
        screen: The text for the screen, plain and without a line break at its end.
    """

    screen: str

    def __new__(cls, text: str, screen: str) -> 'ScreenText':
        message = super().__new__(cls, text)
        message.screen = screen
        return message


def metric_table(title: str, metrics: Mapping[str, float]) -> str:
    """A table of metrics: one row below their names, or one row per metric if that is too wide."""
    short = {name.rpartition('/')[2]: value for name, value in metrics.items()}
    cells = {name: f'{value:.3f}' for name, value in
             (short if len(short) == len(metrics) else metrics).items()}
    text = StringIO()
    console = Console(file=text, width=WIDTH, color_system=None)
    table = Table(box=box.ROUNDED)
    for name in cells:
        table.add_column(name, justify='right', no_wrap=True)
    table.add_row(*cells.values())
    if Measurement.get(console, console.options.update(width=10 * WIDTH), table).maximum > WIDTH:
        table = Table(box=box.ROUNDED)
        table.add_column('metric')
        table.add_column('value', justify='right')
        for row in cells.items():
            table.add_row(*row)
    console.print(table)
    return f'{title}\n{text.getvalue().rstrip()}'


def joint_table(joints: Iterable[JointError], thr: float) -> str:
    """A table of the error of every joint, the largest first.

    Args:
        joints: What was measured; joints that are nowhere labeled come last.
        thr: Threshold of the PCK.
    """
    table = Table(box=box.ROUNDED)
    table.add_column('joint')
    for name in ('labeled', 'EPE in pixels', f'PCK@{thr:g}'):
        table.add_column(name, justify='right')
    for joint in sorted(joints, key=lambda joint: -joint.epe if joint.labeled else 0.):
        figures = (f'{joint.epe:.2f}', f'{joint.pck:.3f}') if joint.labeled else ('-', '-')
        table.add_row(joint.name, str(joint.labeled), *figures)
    text = StringIO()
    Console(file=text, width=WIDTH, color_system=None).print(table)
    return f'error of every joint in the last evaluation\n{text.getvalue().rstrip()}'


def duration(seconds: float) -> str:
    """A time as ``H:MM:SS``, with as many hours as it takes."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{seconds:02}'
