"""Draw the heatmaps of every level of a network over a photograph."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rsn_mm.analysis.heatmaps import draw_heatmaps, level_heatmaps
from rsn_mm.files import check_new_file, write_figure
from rsn_mm.prediction import Predictor

from .configs import load_config
from .options import add_config_options, add_force_option
from .running import run_command


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Draw the heatmaps that a network predicts for one person, as in Fig. 6 of the '
        'RSN paper: those of every stage and level, and those of the last level joint by joint.')
    add_config_options(parser)
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('image', help='a photograph')
    parser.add_argument('--box', nargs=4, type=float, metavar=('X1', 'Y1', 'X2', 'Y2'),
                        help='where the person is, in pixels (default: the whole image)')
    parser.add_argument('--out', required=True, metavar='PNG', help='file to write')
    add_force_option(parser)
    return parser


def plot_heatmaps(args: argparse.Namespace) -> None:
    """Predict the person of the options and draw the figure."""
    check_new_file(args.out, '--out', '.png', args.force)  # before anything is computed
    predictor = Predictor(load_config(args.config, args.cfg_options), args.checkpoint)
    title = f'{Path(args.config).stem}, {Path(args.checkpoint).name}'
    figure = draw_heatmaps(level_heatmaps(predictor, args.image, args.box), title)
    write_figure(figure, args.out, '--out', args.force)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(plot_heatmaps, parser.parse_args(argv), parser.prog)
