"""Write a network as one file that runs without torch and MMPose."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rsn_mm.errors import CommandError
from rsn_mm.export import Metadata, export_onnx, export_program
from rsn_mm.export.checking import RUNTIME, can_check
from rsn_mm.export.files import OPSET
from rsn_mm.export.metadata import INPUT_TYPES, OUTPUTS
from rsn_mm.files import check_new_file
from rsn_mm.prediction.loading import load_estimator

from .configs import load_config
from .options import add_config_options, add_force_option
from .running import run_command

MEGABYTE = 2**20


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Write a network in its test-time form as one file: an ONNX file, which '
        'runs without torch and MMPose, or a program of torch.export. It takes a batch of images '
        'that are cut out and scaled to the input size, and gives keypoints in input pixels. Its '
        'properties say all that a program needs to use it; demo/onnx_predict.py is such a '
        'program.')
    add_config_options(parser)
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('out', help='file to write: .onnx, or .pt2 for a program of torch.export')
    add_content_options(parser)
    parser.add_argument('--opset', type=int, metavar='N',
                        help=f"version of ONNX's operators (default {OPSET})")
    add_force_option(parser)
    return parser


def add_content_options(parser: argparse.ArgumentParser) -> None:
    """Add what goes into a file and what comes out."""
    parser.add_argument('--input-type', choices=INPUT_TYPES, default='uint8',
                        help='type of the images (default uint8)')
    parser.add_argument('--no-normalize', action='store_true', help='images are normalized before '
                        'they go into the file, with the mean and std of its properties; needs '
                        '--input-type float32')
    parser.add_argument('--output', choices=OUTPUTS, default='keypoints',
                        help='what comes out (default keypoints, with their scores)')
    parser.add_argument('--flip-test', action=argparse.BooleanOptionalAction, default=None,
                        help='take the mean with the mirrored image, which doubles the time '
                        '(default: as the config says)')


def content_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options of :func:`~rsn_mm.export.files.prepare`, and the permission to overwrite."""
    if args.no_normalize and args.input_type == 'uint8':
        raise CommandError('--no-normalize needs --input-type float32')
    return dict(input_type=args.input_type, normalize=not args.no_normalize, output=args.output,
                flip_test=args.flip_test, overwrite=args.force)


def export(args: argparse.Namespace) -> None:
    """Export the network of the options."""
    is_program = args.out.endswith('.pt2')
    if not is_program and not args.out.endswith('.onnx'):
        raise CommandError(f'OUT {args.out}: expected a file ending with .onnx or .pt2')
    if is_program and args.opset is not None:
        raise CommandError('--opset has no effect on a .pt2 file')
    options = content_options(args)
    check_new_file(args.out, 'OUT', overwrite=args.force)  # before anything is computed
    estimator = load_estimator(load_config(args.config, args.cfg_options), args.checkpoint)
    if is_program:
        metadata = export_program(estimator, args.out, **options)
    else:
        metadata = export_onnx(estimator, args.out, opset=args.opset or OPSET, **options)
    lines = content_lines(args.out, metadata)
    if not is_program:
        lines.append(f'check:  {RUNTIME} and torch agree' if can_check() else
                     f'check:  none, because {RUNTIME} is not installed')
    print('\n'.join(lines))


def content_lines(path: str, metadata: Metadata, size: int | None = None) -> list[str]:
    """Lines that say what is in a file, whose size in bytes may include that of others."""
    width, height = metadata.input_size
    joints = len(metadata.keypoints)
    shapes = dict(keypoints=f'keypoints (B, {joints}, 2), scores (B, {joints})',
                  heatmaps=f'heatmaps (B, {joints}, h, w)')
    return [f'{path}: {(size or Path(path).stat().st_size) / MEGABYTE:.1f} MB',
            f'input:  images (B, 3, {height}, {width}) {metadata.input_type}, '
            f'{metadata.color_order}{"" if metadata.normalize else ", normalized"}',
            f'output: {shapes[metadata.output]}'
            f'{", with the flip test" if metadata.flip_test else ""}']


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(export, parser.parse_args(argv), parser.prog)
