"""Tables, files and a picture of the results."""

import json
from dataclasses import asdict
from pathlib import Path

from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from rich.table import Table

from .timing import REFERENCE, Race, Times

MS = 1e3


def spread(times: Times, scale: float = 1., digits: int = 2) -> str:
    """Median and quartiles."""
    low, high = times.quartiles
    return f'{times.median * scale:.{digits}f} ({low * scale:.{digits}f}-{high * scale:.{digits}f})'


def rows(race: Race, rates: dict[str, float]) -> list[tuple[str, ...]]:
    """Contestant, ms per call, samples per second, ratio, share of the matrix product's rate.

    Args:
        rates: Floating-point operations per second of a matrix product, by :data:`DTYPES`.
    """
    ratios = race.ratios()
    found = []
    for name, times in race.times.items():
        share = ''
        if name in race.flops:
            rate = next((rates[key] for key in rates if key in name), rates['fp32'])
            share = f'{race.flops[name] / times.median / rate:.0%}'
        found.append((
            name, spread(times, MS), f'{race.items / times.median:,.1f}',
            spread(ratios[name]) if name in ratios else '', share))
    return found


HEADER = ('', 'ms (quartiles)', 'samples/s', f'x {REFERENCE} (quartiles)', 'of matmul')


def table(race: Race, rates: dict[str, float]) -> Table:
    """A race for the terminal."""
    result = Table(title=f'{race.step}: {race.case}', title_justify='left')
    if not race.times:
        result.add_column('')
        result.add_column('', justify='right')
        for fact in race.facts.items():
            result.add_row(*fact)
        return result
    for name in HEADER:
        result.add_column(name, justify='right' if name else 'left')
    for row in rows(race, rates):
        result.add_row(*row)
    if race.facts:
        result.caption = '\n'.join(f'{name}: {value}' for name, value in race.facts.items())
        result.caption_justify = 'left'
    return result


def to_json(machine: dict, rates: dict[str, float], races: list[Race]) -> str:
    """All results, with the seconds of every round, as JSON."""
    return json.dumps(dict(machine=machine, matmul_flops_per_second=rates, races=[
        dict(asdict(race), times={name: times.seconds for name, times in race.times.items()},
             ratios={name: ratio.median for name, ratio in race.ratios().items()})
        for race in races]), indent=1)


def to_markdown(machine: dict, rates: dict[str, float], races: list[Race]) -> str:
    """All results as a Markdown page."""
    lines = ['| machine | |', '|---|---|']
    lines += [f'| {name} | {value} |' for name, value in machine.items()]
    lines += [f'| matrix product, {name} | {rate / 1e9:,.0f} GFLOP/s |'
              for name, rate in rates.items()]
    for race in races:
        lines += ['', f'**{race.step}**: {race.case}', '']
        if race.times:
            lines += ['| ' + ' | '.join(HEADER) + ' |', '|---|' + '---:|' * (len(HEADER) - 1)]
            lines += ['| ' + ' | '.join(row) + ' |' for row in rows(race, rates)]
            lines += ['', *(f'* {name}: {value}' for name, value in race.facts.items())]
        else:
            lines += ['| | |', '|---|---:|']
            lines += [f'| {name} | {value} |' for name, value in race.facts.items()]
    return '\n'.join(lines) + '\n'


def plot(races: list[Race], path: Path) -> None:
    """Plot the ratios of every race and, if measured, how the time grows."""
    bars = [(f'{race.step}, {race.case}: {name}', ratio) for race in races
            for name, ratio in race.ratios().items()
            if race.step not in ('scaling', 'networks')]
    growth = [race for race in races if race.step == 'scaling']
    figure = Figure(figsize=(11, 1.2 + 0.24 * len(bars) + (3.6 if growth else 0)),
                    layout='constrained')
    parts = figure.subfigures(2 if bars and growth else 1, 1, squeeze=False, height_ratios=(
        [0.24 * len(bars) + 1.2, 3.6] if bars and growth else None))[:, 0]
    if bars:
        _plot_ratios(parts[0], bars)
    if growth:
        _plot_growth(parts[-1], growth)
    figure.savefig(path, dpi=110)


def _plot_ratios(figure: FigureBase, bars: list[tuple[str, Times]]) -> None:
    axes = figure.subplots()
    labels = [label for label, _ in bars][::-1]
    ratios = [ratio for _, ratio in bars][::-1]
    medians = [ratio.median for ratio in ratios]
    whiskers = [[m - r.quartiles[0] for m, r in zip(medians, ratios)],
                [r.quartiles[1] - m for m, r in zip(medians, ratios)]]
    axes.barh(labels, medians, xerr=whiskers, color='#4477aa', ecolor='#444444')
    axes.axvline(1, color='black', linewidth=1)
    axes.set_xscale('log')
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter('{x:g}')
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(f'times as fast as {REFERENCE} (median, quartiles)')
    axes.tick_params(axis='y', labelsize=8)
    axes.margins(y=0.01)
    for label, ratio in zip(labels, ratios):
        axes.annotate(f' {ratio.median:.1f}', (ratio.quartiles[1], label), va='center', fontsize=8)


def _plot_growth(figure: FigureBase, races: list[Race]) -> None:
    variants = {
        'stages': lambda case: case.endswith('RSN-18 256x192, batch 8'),
        'batch': lambda case: case.startswith('RSN-18 256x192'),
        'input': lambda case: case.startswith('RSN-18') and case.endswith('batch 8'),
    }
    values = {
        'stages': lambda case: int(case.split('x ')[0]) if 'x RSN' in case else 1,
        'batch': lambda case: int(case.rsplit(' ', 1)[1]),
        'input': lambda case: int(case.split()[1].split('x')[0]),
    }
    names = {'stages': 'stages', 'batch': 'images in a batch', 'input': 'input height, pixels'}
    for axes, (variant, belongs) in zip(figure.subplots(1, 3), variants.items()):
        chosen = sorted((race for race in races if belongs(race.case)),
                        key=lambda race: values[variant](race.case))
        for name in chosen[0].times:
            axes.plot([values[variant](race.case) for race in chosen],
                      [race.times[name].median * MS / race.items for race in chosen],
                      marker='o', label=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(names[variant])
        axes.set_ylabel('ms an image')
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
