"""Generate pictures of people with exact keypoints, as a COCO or an MPII dataset on disk."""

import argparse
from collections.abc import Sequence

from rsn_mm.errors import CommandError
from rsn_mm.synthetic import SceneOptions, SplitOptions, write_split

from .running import run_command


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    scene = SceneOptions()
    width, height = scene.size_wh
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('out', metavar='OUT', help='folder, in which each split gets a folder')
    parser.add_argument('--train', type=int, default=1500, metavar='N',
                        help='number of training images; 0 leaves the split out')
    parser.add_argument('--val', type=int, default=200, metavar='N',
                        help='number of validation images; 0 leaves the split out')
    parser.add_argument('--seed', type=int, default=0, help='the same seed gives the same bytes')
    parser.add_argument('--format', choices=('coco', 'mpii'), default='coco',
                        help='coco: 17 keypoints; mpii: 16 joints and headboxes.mat')
    parser.add_argument('--size', type=size_wh, default=f'{width}x{height}', metavar='WxH',
                        help='image size in pixels')
    parser.add_argument('--people-max', type=int, default=scene.people_max, metavar='N',
                        help='largest number of people in an image')
    parser.add_argument('--occlusion', type=float, default=scene.occlusion, metavar='0..1',
                        help='how much people overlap and objects hide them')
    parser.add_argument('--pose-variety', type=float, default=scene.pose_variety, metavar='0..1',
                        help='0: all stand and face the camera; 1: all poses and views')
    parser.add_argument('--degradation', type=float, default=scene.degradation, metavar='0..1',
                        help='noise, blur and poor exposure')
    parser.add_argument('--workers', type=int, metavar='N',
                        help='number of processes that draw; by default one per processor')
    parser.add_argument('--force', action='store_true',
                        help='replace splits that were generated before')
    return parser


def size_wh(text: str) -> tuple[int, int]:
    """Parse ``WxH``."""
    try:
        width, height = (int(part) for part in text.lower().split('x'))
    except ValueError:
        raise argparse.ArgumentTypeError(f'expected WxH such as 320x256, got {text!r}') from None
    return width, height


def make_synthetic(args: argparse.Namespace) -> None:
    """Generate the splits of the options."""
    if args.train == 0 and args.val == 0:
        raise CommandError('--train 0 --val 0: expected at least one image in one split')
    try:
        scene = SceneOptions(size_wh=args.size, people_max=args.people_max,
                             occlusion=args.occlusion, pose_variety=args.pose_variety,
                             degradation=args.degradation)
        splits = [SplitOptions(split=split, num_images=number, seed=args.seed,
                               format=args.format, scene=scene)
                  for split, number in (('train', args.train), ('val', args.val)) if number != 0]
        for split in splits:
            print(write_split(args.out, split, args.workers, args.force))
    except (ValueError, OSError) as error:
        raise CommandError(str(error)) from error


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(make_synthetic, parser.parse_args(argv), parser.prog)
