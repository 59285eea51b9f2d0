"""Scores of several runs and seeds, as a table and a picture."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from matplotlib.figure import Figure

#: Colors of the groups, in turn (Paul Tol's bright scheme).
COLORS = ('#4477aa', '#ee6677', '#228833', '#ccbb44', '#66ccee', '#aa3377', '#888888')
NOT_RUN = 'not run'


@dataclass
class Row:
    """The scores of a run.

    Attributes:
        name: What was run.
        group: What it is compared with.
        seeds: The seeds that have finished.
        scores: By metric, one for each of ``seeds``.
        minutes: Training and evaluation, one for each of ``seeds``.
    """

    name: str
    group: str
    seeds: list[int]
    scores: dict[str, list[float]]
    minutes: list[float]


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean."""
    return sum(values) / len(values)


def spread(values: Sequence[float]) -> str:
    """The mean, and the lowest and highest of several values."""
    if not values:
        return NOT_RUN
    several = f' ({min(values):.3f} to {max(values):.3f})' if len(values) > 1 else ''
    return f'{mean(values):.3f}{several}'


def cells(row: Row, metrics: Sequence[str]) -> tuple[str, ...]:
    """A line of the table: name, seeds, metrics, minutes of a run."""
    return (row.name, str(len(row.seeds)), *(spread(row.scores[name]) for name in metrics),
            f'{mean(row.minutes):.0f}' if row.minutes else '')


def header(metrics: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns of :func:`cells`."""
    return ('', 'seeds', *metrics, 'minutes')


def to_markdown(rows: Sequence[Row], metrics: Sequence[str]) -> str:
    """The table as a page, with a line for each group."""
    columns = header(metrics)
    lines = [f'| {" | ".join(columns)} |', '|---|' + '---:|' * (len(columns) - 1)]
    for i, row in enumerate(rows):
        if i == 0 or row.group != rows[i - 1].group:
            lines.append(f'| **{row.group}** |' + ' |' * (len(columns) - 1))
        lines.append(f'| {" | ".join(cells(row, metrics))} |')
    return '\n'.join(lines) + '\n'


def to_json(rows: Sequence[Row]) -> str:
    """Every score."""
    return json.dumps([asdict(row) for row in rows], indent=1) + '\n'


def plot(rows: Sequence[Row], metrics: Sequence[str], path: Path) -> None:
    """Draw every score as a dot and means as bars, a panel for each metric.

    A dashed line marks the mean of the first row, which the others are compared with.
    """
    rows = [row for row in rows if row.seeds]
    groups = list(dict.fromkeys(row.group for row in rows))
    figure = Figure(figsize=(3 + 3 * len(metrics), 1.2 + 0.34 * len(rows)), layout='constrained')
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    places = range(len(rows))[::-1]
    for axes, metric in zip(panels, metrics):
        for place, row in zip(places, rows):
            color = COLORS[groups.index(row.group) % len(COLORS)]
            scores = row.scores[metric]
            axes.barh(place, mean(scores), color=color, alpha=0.35)
            axes.plot(scores, [place] * len(scores), 'o', color=color, markersize=5)
        if rows:
            axes.axvline(mean(rows[0].scores[metric]), color='black', linewidth=1, linestyle='--')
        axes.set_xlabel(metric)
        axes.set_xlim(left=0)
        axes.grid(axis='x', alpha=0.3)
    panels[0].set_yticks(list(places), [row.name for row in rows], fontsize=9)
    figure.savefig(path, dpi=110)
