#!/usr/bin/env python
"""Detect persons with a detector of mmdet, for tests on detected boxes."""

import argparse
import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from mmengine.config import Config
from rich.progress import track

from rsn_mm.checkpoints.fitting import NUM_SHOWN, read_parameters
from rsn_mm.cli import common as cli
from rsn_mm.compat.mmcv_extension import MissingOpError
from rsn_mm.files import check_new_file, write_json

if TYPE_CHECKING:
    from mmdet.apis import DetInferencer

IMAGE_ENDINGS = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')
#: What persons are in the file, whatever the detector calls them.
PERSON_CATEGORY = 1


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Detect the persons of images with a detector of mmdet, and write them as a '
        'detection file (bbox_file of a dataset, --detections of tools/test.py).')
    cli.add_config_options(parser)
    parser.add_argument('checkpoint', help='its checkpoint, file or URL')
    parser.add_argument('images', help="annotation file in COCO's format, of whose images the "
                        'persons are detected (annotations in it are not looked at); or a folder '
                        'of images whose names are their ids, as in COCO')
    parser.add_argument('out', help='JSON file to write')
    parser.add_argument('--img-dir', help='where the images of an annotation file lie (default its '
                        'own folder)')
    parser.add_argument('--category', default='person', metavar='NAME|LABEL',
                        help="the detector's name or label for persons (default person)")
    parser.add_argument('--score-thr', type=float, default=0., metavar='SCORE',
                        help='leave out what the detector is less sure of (default 0, all)')
    parser.add_argument('--batch-size', type=int, default=1, help='of images (default 1)')
    parser.add_argument('--device', help='cpu or cuda:N (default a GPU where there is one)')
    return parser.parse_args()


# ------------------------------------------------------------------------------------------ images


def find_images(source: str, img_dir: str | None) -> dict[int, Path]:
    """Paths by image id.

    Args:
        source: Annotation file or folder.
        img_dir: Of the images of an annotation file.

    Raises:
        CommandError: If there are none, one does not exist, or a name is no id.
    """
    if os.path.isdir(source):
        if img_dir is not None:
            raise cli.CommandError(f'--img-dir {img_dir}: {source} is the folder of the images')
        images = images_of_folder(Path(source))
    elif os.path.isfile(source):
        images = images_of_file(source, Path(img_dir or os.path.dirname(source)))
    else:
        raise cli.CommandError(f'{source} does not exist, expected an annotation file or a folder '
                               'of images')
    if not images:
        raise cli.CommandError(f'{source} has no images')
    missing = [str(path) for path in images.values() if not path.is_file()]
    if missing:
        raise cli.CommandError(f'{len(missing)} of {len(images)} images do not exist, the first is '
                               f'{missing[0]}; --img-dir tells where they lie')
    return images


def images_of_folder(folder: Path) -> dict[int, Path]:
    images = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in IMAGE_ENDINGS:
            continue
        if not path.stem.isdecimal():
            raise cli.CommandError(f'{path}: its name is no image id; name the annotation file '
                                   'that has the ids instead of the folder')
        if int(path.stem) in images:
            raise cli.CommandError(f'{path} and {images[int(path.stem)]} have the same image id')
        images[int(path.stem)] = path
    return images


def images_of_file(path: str, folder: Path) -> dict[int, Path]:
    try:
        content = json.loads(Path(path).read_text())
        return {image['id']: folder / image['file_name'] for image in content['images']}
    except (ValueError, KeyError, TypeError) as error:
        raise cli.CommandError(f"{path}: expected COCO's format, 'images' with 'id' and "
                               f"'file_name' ({type(error).__name__}: {error})") from error


# ---------------------------------------------------------------------------------------- detector


def build_detector(cfg: Config, checkpoint: str, device: str | None) -> 'DetInferencer':
    """mmdet's inferencer with all parameters of the checkpoint.

    Raises:
        CommandError: If it is no detector, or parameters are missing in the checkpoint.
        CheckpointError: If the checkpoint cannot be read.
    """
    from mmdet.apis import DetInferencer  # once rsn_mm has mended what it needs
    parameters = read_parameters(checkpoint)
    if 'test_dataloader' not in cfg:
        raise cli.CommandError('the config has no test_dataloader, whose pipeline a detector of '
                               'mmdet is fed by')
    with warnings.catch_warnings():
        # Nothing is drawn. What is said of class names matters.
        warnings.filterwarnings('ignore', 'palette does not exist|Failed to add .*VisBackend')
        detector = DetInferencer(cfg, checkpoint, device=device, show_progress=False)
    # mmdet loads what fits and leaves the rest as it was drawn; renamed parameters are mapped.
    problems = load_problems(detector.model, parameters)
    if problems:
        raise cli.CommandError(
            f'checkpoint {checkpoint} does not fit the detector, in {len(problems)} parameters: '
            f'{"; ".join(problems[:NUM_SHOWN])}. Is it of another config?')
    return detector


def load_problems(model: torch.nn.Module, parameters: dict[str, torch.Tensor]) -> list[str]:
    """What of a model the parameters do not give; those that it does not have are let pass."""
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    result = model.load_state_dict(
        {key: value for key, value in parameters.items()
         if key not in shapes or shapes[key] == tuple(value.shape)}, strict=False)
    return [f'{key} is {tuple(parameters[key].shape)}, expected {shapes[key]}'
            if key in parameters else f'{key} is missing' for key in result.missing_keys]


def label_of(category: str, detector: 'DetInferencer') -> int:
    """The detector's label of a category, given by name or as the label itself.

    Raises:
        CommandError: If the detector does not know the name, or its head has no such label.
    """
    classes = tuple(detector.model.dataset_meta['classes'])
    # Where the checkpoint names no classes, these are COCO's, however many the head tells apart.
    counts = [module.num_classes for name, module in detector.model.named_modules()
              if 'bbox_head' in name.split('.') and hasattr(module, 'num_classes')]
    count = min(counts, default=len(classes))
    if category in classes:
        label = classes.index(category)
    elif category.isdecimal():
        label = int(category)
    else:
        label = count
    if label < count:
        return label
    raise cli.CommandError(f'--category {category}: the detector knows '
                           f'{", ".join(classes[:count])} (labels 0 to {count - 1})')


def detect(detector: 'DetInferencer', images: dict[int, Path], label: int, score_thr: float,
           batch_size: int) -> Iterator[dict]:
    """Persons of all images, in COCO's format of detections, of an image best first."""
    items = list(images.items())
    for start in track(range(0, len(items), batch_size), description='Detecting'):
        ids, paths = zip(*items[start:start + batch_size])
        results = detector([str(path) for path in paths], batch_size=batch_size,
                           return_datasamples=True)['predictions']
        for image_id, result in zip(ids, results):
            found = result.pred_instances
            found = found[(found.labels == label) & (found.scores >= score_thr)].cpu()
            for (x1, y1, x2, y2), score in zip(found.bboxes.tolist(), found.scores.tolist()):
                if x2 > x1 and y2 > y1:
                    yield dict(image_id=image_id, category_id=PERSON_CATEGORY,
                               bbox=[x1, y1, x2 - x1, y2 - y1], score=score)


def main() -> None:
    args = parse_args()
    with cli.clear_errors():
        check_new_file(args.out, 'OUT', '.json')
        if args.batch_size < 1:
            raise cli.CommandError(f'--batch-size {args.batch_size}: expected 1 or more')
        if not 0 <= args.score_thr <= 1:
            raise cli.CommandError(f'--score-thr {args.score_thr}: expected 0 to 1')
        cfg = cli.load_config(args.config, args.cfg_options)
        images = find_images(args.images, args.img_dir)
        detector = build_detector(cfg, args.checkpoint, args.device)
        label = label_of(args.category, detector)
        try:
            persons = list(detect(detector, images, label, args.score_thr, args.batch_size))
        except MissingOpError as error:
            raise cli.CommandError(str(error)) from error
        write_json(args.out, persons, 'OUT')
        print(f'{len(persons)} persons in {len({p["image_id"] for p in persons})} of '
              f'{len(images)} images: {args.out}')


if __name__ == '__main__':
    main()
