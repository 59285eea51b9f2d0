#!/usr/bin/env python
"""Convert checkpoints of the released RSN and MSPN and of MMPose, or ours to MMPose's."""

import argparse

from rsn_mm import checkpoints
from rsn_mm.checkpoints.files import check_destination
from rsn_mm.cli import common as cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Convert a checkpoint of the released RSN or MSPN, or of MMPose, and name the '
        'config to use it with.')
    parser.add_argument('src', help='checkpoint to convert')
    parser.add_argument('dst', help='file to write')
    parser.add_argument('--source', choices=('auto', *checkpoints.SOURCES), default='auto',
                        help='format of SRC (default: found from its keys)')
    parser.add_argument('--to', choices=('rsn_mm', 'mmpose'), default='rsn_mm',
                        help='mmpose: SRC is a checkpoint of ours, convert it to MMPose')
    parser.add_argument('--force', action='store_true', help='overwrite DST')
    args = parser.parse_args()
    if args.to == 'mmpose' and args.source != 'auto':
        parser.error('--source is for conversion to rsn_mm, --to mmpose converts from it')
    return args


def report(dst: str, info: dict) -> str:
    """What was written and how it is used."""
    network = ', '.join(f'{name} {value}' for name, value in info['network'].items()
                        if value is not None)
    lines = [f'wrote {dst}', f'source: {info["source"]}', f'network: {network}',
             f'config: {info["config"] or "none"}']
    if info['cfg_options']:
        lines.append(f'with: --cfg-options {" ".join(info["cfg_options"])}')
    return '\n'.join(lines + [f'note: {note}' for note in info['notes']])


def main() -> None:
    args = parse_args()
    with cli.clear_errors():
        try:
            check_destination(args.dst, args.src, args.force)
            checkpoint = checkpoints.read(args.src)
            try:
                if args.to == 'mmpose':
                    converted, info = checkpoints.export_checkpoint(checkpoint)
                    info['source'] = 'rsn_mm'
                else:
                    converted, info = checkpoints.convert_checkpoint(checkpoint, args.source)
            except checkpoints.CheckpointError as error:
                raise cli.CommandError(f'{args.src}: {error}') from error
            checkpoints.write(converted, args.dst, args.force)
        except checkpoints.CheckpointError as error:
            raise cli.CommandError(str(error)) from error
        print(report(args.dst, info))


if __name__ == '__main__':
    main()
