"""Convert checkpoints of the released RSN and MSPN and of MMPose, or ours to MMPose's."""

import argparse
from collections.abc import Sequence

from rsn_mm import checkpoints, conversion
from rsn_mm.checkpoints.files import check_destination
from rsn_mm.errors import CheckpointError, CommandError, ExistingFileError

from .running import run_command


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Convert a checkpoint of the released RSN or MSPN, or of MMPose, and name the '
        'config to use it with.')
    parser.add_argument('src', help='checkpoint to convert')
    parser.add_argument('dst', help='file to write')
    parser.add_argument('--source', choices=('auto', *conversion.SOURCES), default='auto',
                        help='format of SRC (default: recognized from the names of its tensors)')
    parser.add_argument('--to', choices=('rsn_mm', 'mmpose'), default='rsn_mm',
                        help='mmpose: convert SRC, a checkpoint of rsn_mm, to MMPose')
    parser.add_argument('--force', action='store_true', help='overwrite DST')
    return parser


def report(dst: str, info: dict) -> str:
    """What was written and how it is used."""
    network = ', '.join(f'{name} {value}' for name, value in info['network'].items()
                        if value is not None)
    lines = [f'wrote {dst}', f'source: {info["source"]}', f'network: {network}',
             f'config: {info["config"] or "none"}']
    if info['cfg_options']:
        lines.append(f'with: --cfg-options {" ".join(info["cfg_options"])}')
    return '\n'.join(lines + [f'note: {note}' for note in info['notes']])


def convert_checkpoint(args: argparse.Namespace) -> None:
    """Convert the checkpoint of the options and print how the new one is used."""
    if args.to == 'mmpose' and args.source != 'auto':
        raise CommandError('--source is for conversions to rsn_mm; --to mmpose converts from it')
    try:
        check_destination(args.dst, args.src, args.force)
        converted, info = _converted(args)
        checkpoints.write(converted, args.dst, args.force)
    except ExistingFileError as error:
        raise CommandError(f'{error}; --force overwrites it') from error
    print(report(args.dst, info))


def _converted(args: argparse.Namespace) -> tuple[dict, dict]:
    """The new checkpoint, and what was found in the old one."""
    checkpoint = checkpoints.read(args.src)
    try:
        if args.to == 'mmpose':
            return conversion.export_checkpoint(checkpoint)
        return conversion.convert_checkpoint(checkpoint, args.source)
    except CheckpointError as error:
        raise CommandError(f'{args.src}: {error}') from error


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(convert_checkpoint, parser.parse_args(argv), parser.prog)
