#!/usr/bin/env python
"""Time training and prediction against MMPose, side by side."""

import argparse
from pathlib import Path

import torch
from rich.console import Console

from benchmarks import STEPS, machine, report
from benchmarks.steps import Settings
from rsn_mm.cli.running import run_command
from rsn_mm.errors import CommandError

WIDTH = 120
CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
RECIPE = CONFIGS / '_base_/coco_256x192.py'
DEFAULT_DATA = CONFIGS / 'rsn/rsn18_synthetic-128x96.py'


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Time each step against MMPose 1.3.2, both in turns in one process: the '
        "network is MMPose's RSN-18 with the same weights on both sides. Ratios are medians over "
        'the rounds, with quartiles.')
    parser.add_argument('--steps', nargs='+', choices=STEPS, default=list(STEPS), metavar='STEP',
                        help=f'of {", ".join(STEPS)} (default all)')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--rounds', type=int, default=7, help='turns of every race (default 7)')
    parser.add_argument('--compile', action='store_true',
                        help='also time what torch.compile makes of the networks')
    parser.add_argument('--data', default=str(DEFAULT_DATA), metavar='CONFIG',
                        help='config whose test data loader and evaluation run on (default '
                        'generated images)')
    parser.add_argument('--checkpoint', metavar='FILE',
                        help='of the model of --data: how far its keypoints move in the test-time '
                        'forms (step precision)')
    parser.add_argument('--threads', type=int, help="processor threads (default torch's)")
    parser.add_argument('--out', type=Path, metavar='DIR',
                        help='a new folder for benchmark.json, benchmark.md and benchmark.png')
    return parser


def check(args: argparse.Namespace) -> None:
    """Refuse options that cannot be carried out."""
    for option, value in (('--rounds', args.rounds), ('--threads', args.threads)):
        if value is not None and value < 1:
            raise CommandError(f'{option} {value}: expected 1 or more')
    if args.out and args.out.exists():
        raise CommandError(f'--out {args.out} is there already: remove it or choose another '
                           'name')
    if not Path(args.data).is_file():
        raise CommandError(f'--data: config {args.data} does not exist')
    if args.checkpoint is None and args.steps == ['precision']:
        raise CommandError('--steps precision needs --checkpoint, of the model of --data')
    if args.checkpoint is not None and not Path(args.checkpoint).is_file():
        raise CommandError(f'--checkpoint {args.checkpoint} does not exist')
    try:
        torch.empty(0, device=args.device)
    except (RuntimeError, AssertionError) as error:
        raise CommandError(f'--device {args.device}: {error}') from error


def benchmark(args: argparse.Namespace) -> None:
    """Run the races of the options and print them."""
    check(args)
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.out:
        args.out.mkdir(parents=True)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    device = torch.device(args.device)
    about = machine.describe(device)
    rates = machine.matmul_rates(device)
    for name, value in about.items():
        console.print(f'{name}: {value}', highlight=False)
    console.print('matrix product: ' + ', '.join(
        f'{name} {rate / 1e9:,.0f} GFLOP/s' for name, rate in rates.items()), highlight=False)
    settings = Settings(device, args.rounds, args.data, str(RECIPE), args.compile, args.checkpoint)
    races = []
    for step in args.steps:
        with console.status(f'{step} ...'):
            for race in STEPS[step](settings):
                races.append(race)
                console.print(report.table(race, rates))
        if args.out:  # after every step: the rest may fail or be interrupted
            (args.out / 'benchmark.json').write_text(report.to_json(about, rates, races))
            (args.out / 'benchmark.md').write_text(report.to_markdown(about, rates, races))
            report.plot(races, args.out / 'benchmark.png')


def main() -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(benchmark, parser.parse_args(), parser.prog)


if __name__ == '__main__':
    main()
