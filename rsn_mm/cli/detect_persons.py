"""Detect persons with a detector of mmdet, for tests on detected boxes."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from rsn_mm.errors import CommandError
from rsn_mm.files import check_new_file
from rsn_mm.prediction.detection_job import DetectionJob
from rsn_mm.prediction.detectors import PERSON, Detector
from rsn_mm.prediction.job import JOURNAL_ENDING
from rsn_mm.prediction.journal import file_stamp

from .configs import load_config
from .options import add_config_options, add_force_option
from .running import run_command

#: Status if images were skipped.
EXIT_SKIPPED = 3
IMAGE_ENDINGS = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Detect the persons of images with a detector of mmdet, and write them as a '
        'detection file (for bbox_file of a dataset and --detections of tools/test.py). If it is '
        f'interrupted, what is done stays in OUT{JOURNAL_ENDING}, and the same command goes on.')
    add_config_options(parser)
    parser.add_argument('checkpoint', help='its checkpoint, file or URL')
    parser.add_argument('images', help="annotation file in COCO's format, which lists the images "
                        '(its annotations are ignored); or a folder of images whose names are '
                        'their ids, as in COCO')
    parser.add_argument('out', help='JSON file to write')
    parser.add_argument('--img-dir', help='where the images of an annotation file lie (default: '
                        'the folder of that file)')
    parser.add_argument('--category', default=PERSON, metavar='NAME|LABEL',
                        help="the detector's name or label for persons (default person)")
    parser.add_argument('--score-thr', type=float, default=0., metavar='SCORE',
                        help='leave out detections with a lower score (default 0: keep all)')
    parser.add_argument('--batch-size', type=int, default=1, help='images in a batch (default 1)')
    parser.add_argument('--skip-errors', action='store_true', help='continue past images that '
                        f'cannot be read; the exit status is then {EXIT_SKIPPED}')
    add_force_option(parser)
    parser.add_argument('--device', help='cpu or cuda:N (default: a GPU if there is one)')
    return parser


def find_images(source: str, img_dir: str | None) -> dict[int, Path]:
    """Find the images and their ids.

    Args:
        source: Annotation file, or folder of images.
        img_dir: Folder of the images of an annotation file.

    Returns:
        Paths by image id.

    Raises:
        CommandError: If there are no images, one does not exist, or a name is no id.
    """
    if os.path.isdir(source):
        if img_dir is not None:
            raise CommandError(f'--img-dir {img_dir}: {source} is the folder of the images')
        images = images_of_folder(Path(source))
    elif os.path.isfile(source):
        images = images_of_file(source, Path(img_dir or os.path.dirname(source)))
    else:
        raise CommandError(f'{source} does not exist, expected an annotation file or a folder '
                           'of images')
    if not images:
        raise CommandError(f'{source} has no images')
    missing = [str(path) for path in images.values() if not path.is_file()]
    if missing:
        raise CommandError(f'{len(missing)} of {len(images)} images do not exist, the first is '
                           f'{missing[0]}; --img-dir tells where they lie')
    return images


def images_of_folder(folder: Path) -> dict[int, Path]:
    images: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in IMAGE_ENDINGS:
            continue
        if not path.stem.isdecimal():
            raise CommandError(f'{path}: its name is no image id; instead of the folder, name '
                               'the annotation file that has the ids')
        if int(path.stem) in images:
            raise CommandError(f'{path} and {images[int(path.stem)]} have the same image id')
        images[int(path.stem)] = path
    return images


def images_of_file(path: str, folder: Path) -> dict[int, Path]:
    try:
        content = json.loads(Path(path).read_text())
        return {image['id']: folder / image['file_name'] for image in content['images']}
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path}: expected COCO's format, 'images' with 'id' and "
                           f"'file_name' ({type(error).__name__}: {error})") from error


def settings_of(args: argparse.Namespace) -> dict:
    """What the detections depend on, so that an interrupted run goes on with the same."""
    return dict(config=file_stamp(args.config), checkpoint=file_stamp(args.checkpoint),
                cfg_options={key: str(value) for key, value in args.cfg_options.items()},
                category=args.category, score_thr=args.score_thr)


def detect_persons(args: argparse.Namespace) -> None:
    """Detect the persons of the options' images and write them."""
    out = Path(args.out)
    goes_on = Path(f'{out}{JOURNAL_ENDING}').exists()
    check_new_file(out, 'OUT', '.json', args.force)
    if args.batch_size < 1:
        raise CommandError(f'--batch-size {args.batch_size}: expected 1 or more')
    if not 0 <= args.score_thr <= 1:
        raise CommandError(f'--score-thr {args.score_thr}: expected 0 to 1')
    cfg = load_config(args.config, args.cfg_options)
    images = find_images(args.images, args.img_dir)
    detector = Detector(cfg, args.checkpoint, args.device, args.category, args.score_thr)
    job = DetectionJob(detector, images, out, args.batch_size, args.skip_errors)
    if goes_on:
        print(f'going on from {out}{JOURNAL_ENDING}', file=sys.stderr)
    with Progress() as progress:
        task = progress.add_task('Detecting', total=len(images))
        found = job.run(settings_of(args), args.force,
                        lambda count: progress.advance(task, count))
    skipped = f', {found.skipped} skipped' if found.skipped else ''
    print(f'{found.persons} persons in {found.images_with_persons} of {found.images} images'
          f'{skipped}: {out}')
    if found.skipped:
        sys.exit(EXIT_SKIPPED)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(detect_persons, parser.parse_args(argv), parser.prog)
