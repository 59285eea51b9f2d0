"""Write a network in 8-bit integers, and measure what that loses."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from rsn_mm.configuration import check_values
from rsn_mm.export import export_int8
from rsn_mm.export.int8 import format_of
from rsn_mm.export.quantization import CALIBRATION_IMAGES, MAX_LOSS, Quantization, files_of
from rsn_mm.files import check_new_file
from rsn_mm.prediction.loading import load_estimator

from .configs import load_config
from .export import add_content_options, content_lines, content_options
from .options import add_config_options, add_force_option
from .predict_progress import progress_bar
from .running import run_command


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Write a network in 8-bit integers for OpenVINO or ONNX Runtime, which is '
        'faster on processors with VNNI or AMX. Images of the training data calibrate it, and the '
        'test of the config measures what it loses. If that is too much, parts of the network stay '
        'in float32, and if it still is, nothing is written.')
    add_config_options(parser)
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('out', help='file to write: .xml for OpenVINO, with a .bin file beside '
                        'it, or .onnx for ONNX Runtime')
    parser.add_argument('--max-loss', type=float, default=MAX_LOSS, metavar='POINTS',
                        help='largest loss that is accepted, in points (hundredths) of the metric '
                        f'(default {MAX_LOSS:g})')
    parser.add_argument('--metric', metavar='NAME', help='what is measured, such as coco/AP or PCK '
                        '(default: default_hooks.checkpoint.save_best of the config)')
    parser.add_argument('--calibration-images', type=int, default=CALIBRATION_IMAGES, metavar='N',
                        help='people whose images calibrate the network (default '
                        f'{CALIBRATION_IMAGES})')
    parser.add_argument('--calibration-data', choices=('train', 'val', 'test'), default='train',
                        help='data of the config that they come from (default train)')
    add_content_options(parser)
    add_force_option(parser, 'the files to write')
    return parser


def quantize(args: argparse.Namespace) -> None:
    """Quantize the network of the options."""
    options = content_options(args)
    format_of(args.out)
    check_new_file(args.out, 'OUT', overwrite=args.force)  # before anything is computed
    cfg = load_config(args.config, args.cfg_options)
    check_values(cfg)
    found = export_int8(
        load_estimator(cfg, args.checkpoint), args.out, progress=show_progress,
        calibration_images=args.calibration_images, calibration_data=args.calibration_data,
        max_loss=args.max_loss, metric=args.metric, **options)
    console = Console()
    console.print(loss_table(found))
    size = sum(file.stat().st_size for file in files_of(args.out))
    for line in content_lines(args.out, found.metadata, size):
        console.print(line, highlight=False, soft_wrap=True)


@contextmanager
def show_progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar for one thing that is done, or a spinner if its length is not known."""
    if total is None:
        with Console(stderr=True).status(what):
            yield lambda number: None
        return
    with progress_bar('people') as progress:
        task = progress.add_task(what, total=total)
        yield lambda number: progress.advance(task, number)


def loss_table(found: Quantization) -> Table:
    """The accuracy of the network in float32 and of each attempt."""
    table = Table('network', found.metric, 'points lost')
    table.add_row('float32', f'{found.accuracy:.4f}', '')
    for attempt in found.attempts:
        name = 'int8' + ''.join(f', {part} in float32' for part in attempt.float_parts)
        if attempt.accuracy is None:
            table.add_row(name, 'cannot be run', '')
        else:
            table.add_row(name, f'{attempt.accuracy:.4f}', f'{attempt.loss:.2f}')
    return table


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(quantize, parser.parse_args(argv), parser.prog)
