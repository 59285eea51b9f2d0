"""Draw how much a network uses the branches of its units."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from rsn_mm.analysis.branch_weights import branch_weights, draw_branch_weights
from rsn_mm.checkpoints.fitting import load_strictly
from rsn_mm.errors import CommandError
from rsn_mm.files import check_new_file, write_figure

from .configs import load_config
from .ensembles import is_ensemble
from .options import add_config_options, add_force_option
from .running import run_command


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Draw the mean absolute weights of the 1x1 convolutions that fuse the branches '
        'of the units, as in Fig. 5 of the RSN paper: of every channel of the last unit of each '
        'level, and of every branch of all units. For units rsb, res2net and dense.')
    add_config_options(parser)
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('--limit', type=float, metavar='WEIGHT', help='weight of the darkest '
                        'color, to compare figures (default: the largest that is drawn)')
    parser.add_argument('--out', required=True, metavar='PNG', help='file to write')
    add_force_option(parser)
    return parser


def plot_branch_weights(args: argparse.Namespace) -> None:
    """Read the checkpoint of the options and draw the figure."""
    if args.limit is not None and not args.limit > 0:
        raise CommandError(f'--limit {args.limit:g}: expected a weight above 0')
    check_new_file(args.out, '--out', '.png', args.force)  # before anything is computed
    cfg = load_config(args.config, args.cfg_options)
    if is_ensemble(cfg):
        raise CommandError(f'{args.config} is an ensemble: draw its members one by one')
    init_default_scope(cfg.get('default_scope') or 'mmpose')
    model = MODELS.build(cfg.model)
    load_strictly(model, args.checkpoint)
    weights = branch_weights(getattr(model, 'backbone', model))
    title = f'{Path(args.config).stem}, {Path(args.checkpoint).name}'
    write_figure(draw_branch_weights(weights, title, args.limit), args.out, '--out', args.force)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(plot_branch_weights, parser.parse_args(argv), parser.prog)
