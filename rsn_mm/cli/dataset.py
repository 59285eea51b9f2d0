"""Turn labels of CVAT, Roboflow, DeepLabCut or Label Studio into a data set to train on."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rsn_mm.errors import CommandError, ExistingFileError
from rsn_mm.labels import Labels, read_labels
from rsn_mm.labels.boxes import MARGIN, fill_boxes, use_whole_images
from rsn_mm.labels.metainfo import SIGMA, metainfo_text, swaps, unpaired
from rsn_mm.labels.recipe import config_text, epochs_for, input_size_for
from rsn_mm.labels.splitting import (
    TEST,
    TRAIN,
    VAL,
    Splits,
    existing_splits,
    split_at_random,
)
from rsn_mm.labels.writing import as_json, coco_content, common_root, relative, write_files

from .make_synthetic import size_wh
from .running import run_command

#: Fraction of the images for validation, without --val.
VAL_FRACTION = 0.2
#: Input sizes are multiples of the coarsest stride.
STRIDE = 32


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' Reads keypoints in COCO\'s format (CVAT, Roboflow), projects of '
        'DeepLabCut and exports of Label Studio. Images stay where they are.')
    parser.add_argument('source', nargs='+', type=Path,
                        help='folder as the tool exports it, or file: .json (COCO, Label Studio), '
                        '.csv, .h5 or config.yaml (DeepLabCut)')
    parser.add_argument('out', type=Path, help='folder for the annotation files, the description '
                        'of the joints and a config')
    parser.add_argument('--images', type=Path, metavar='DIR',
                        help='folder of the images, where they are not beside the labels')
    parser.add_argument('--category', metavar='NAME',
                        help='category to take, where several have joints')
    parser.add_argument('--interface', type=Path, metavar='XML',
                        help='labeling interface of Label Studio, for the order of the joints')
    parser.add_argument('--val', type=fraction, metavar='FRACTION',
                        help='part of the images for validation (default: the splits of the '
                        f'labeling tool or, if it made none, {VAL_FRACTION})')
    parser.add_argument('--group', choices=('image', 'folder'), default='image',
                        help='folder: keep the images of a folder, such as the frames of a video, '
                        'in one split (default image)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the split (default 0)')
    boxes = parser.add_mutually_exclusive_group()
    boxes.add_argument('--margin', type=float, default=MARGIN, metavar='FRACTION',
                       help='how far boxes that are made from joints reach beyond them, as a '
                       f'fraction of their longer side (default {MARGIN})')
    boxes.add_argument('--whole-image', action='store_true',
                       help='learn to find one instance in a whole image, without a box')
    parser.add_argument('--sigma', type=float, default=SIGMA,
                        help=f'tolerance of every joint in AP (default {SIGMA})')
    parser.add_argument('--input-size', type=size_wh, metavar='WxH',
                        help='input size of the network, multiples of 32 (default: by the shape '
                        'of the boxes)')
    parser.add_argument('--epochs', type=int, metavar='N',
                        help='length of the training (default: by the number of samples)')
    parser.add_argument('--force', action='store_true',
                        help='replace what an earlier call has written')
    return parser


def fraction(text: str) -> float:
    """Parse a number between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f'expected a number between 0 and 1, got {text!r}')
    return value


def check_options(args: argparse.Namespace) -> None:
    """Refuse numbers that make no sense."""
    if args.margin < 0:
        raise CommandError(f'--margin {args.margin}: expected 0 or more')
    if args.sigma <= 0:
        raise CommandError(f'--sigma {args.sigma}: expected more than 0')
    if args.epochs is not None and args.epochs < 1:
        raise CommandError(f'--epochs {args.epochs}: expected 1 or more')
    if args.input_size is not None and any(side < 1 or side % STRIDE for side in args.input_size):
        raise CommandError(f'--input-size {"x".join(map(str, args.input_size))}: expected '
                           f'multiples of {STRIDE}')
    if not args.out.absolute().name.isidentifier():
        raise CommandError(f'{args.out}: the folder gives the data set and its config their name; '
                           'expected letters, digits and underscores only')


def split(labels: Labels, args: argparse.Namespace) -> Splits:
    """The splits of the labeling tool, or new ones."""
    existing = existing_splits(labels.images) if args.val is None else None
    if existing is not None:
        print('  splits      of the labeling tool')
        return existing
    return split_at_random(labels.images, args.val or VAL_FRACTION, args.seed,
                           args.group == 'folder')


def describe_labels(labels: Labels) -> None:
    """Print what was read."""
    print(f'  joints      {len(labels.joints)}: {", ".join(labels.joints)}')
    pairs = [f'{a} and {b}' for a, b in swaps(labels.joints).items() if a < b]
    print(f'  mirrored    {"; ".join(pairs) or "no pairs: no joint has left or right in its name"}')
    alone = unpaired(labels.joints)
    if alone:
        print(f'  mirrored    {", ".join(alone)}: a side without its opposite, so that a mirrored '
              'image has it on the wrong side; see metainfo.py')
    print(f'  labels      {len(labels.instances)} instances in {len(labels.images)} images')
    for what, count in labels.left_out.items():
        print(f'  left out    {count} {what}')


def dataset(args: argparse.Namespace) -> None:
    """Write the data set of the options."""
    check_options(args)
    labels = read_labels(args.source, args.images, args.category, args.interface)
    name = args.out.absolute().name
    print(f'Data set {name}')
    describe_labels(labels)
    if args.whole_image:
        use_whole_images(labels)
        print('  boxes       whole images')
    else:
        made = fill_boxes(labels, args.margin)
        given = len(labels.instances) - made
        print(f'  boxes       {made} made from joints, {given} of the labels')
    splits = split(labels, args)
    counts = {part: sum(len(image.instances) for image in images)
              for part, images in splits.items()}
    root = common_root(splits)
    size = args.input_size or input_size_for(labels)
    epochs = args.epochs or epochs_for(counts[TRAIN])
    texts = {f'{part}.json': as_json(coco_content(images, root, name, labels.joints, labels.links))
             for part, images in splits.items()}
    texts['metainfo.py'] = metainfo_text(name, labels.joints, labels.links, args.sigma)
    texts[f'{name}.py'] = config_text(
        name, args.out, relative(root, args.out), labels.joints, counts[TRAIN], size, epochs,
        args.whole_image, TEST in splits)
    try:
        write_files(args.out, texts, args.force)
    except ExistingFileError as error:
        raise CommandError(f'{error}, or use --force') from error
    for part in (TRAIN, VAL, TEST):
        if part in splits:
            print(f'  {part:10}  {counts[part]} instances in {len(splits[part])} images')
    print(f'  sigma       {args.sigma:g} for every joint, a guess that AP depends on; go by EPE '
          f'and PCK')
    print(f'  config      {args.out / name}.py: input {size[0]}x{size[1]}, {epochs} epochs')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(dataset, parser.parse_args(argv), parser.prog)
