"""Which images to train on, and which to evaluate on."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from rsn_mm.errors import DataError

from .content import LabeledImage

TRAIN, VAL, TEST = 'train', 'val', 'test'

Splits = dict[str, list[LabeledImage]]


def existing_splits(images: Iterable[LabeledImage]) -> Splits | None:
    """The splits of the labeling tool, if every image has one and none is empty."""
    splits: Splits = defaultdict(list)
    for image in images:
        splits[image.split or ''].append(image)
    return dict(splits) if '' not in splits and {TRAIN, VAL} <= splits.keys() else None


def split_at_random(images: Sequence[LabeledImage], val: float, seed: int,
                    by_group: bool) -> Splits:
    """Split images into training and validation; the same seed gives the same splits.

    Args:
        images: The images.
        val: Fraction of the images for validation, above 0 and below 1.
        seed: Of the random numbers.
        by_group: Keep the images of a group together, so that no frame of a video is evaluated
            whose neighbors were trained on. The fraction is then met as closely as whole groups
            allow.

    Raises:
        DataError: If there are fewer than two images or groups.
    """
    groups: dict[str, list[LabeledImage]] = defaultdict(list)
    for image in sorted(images, key=lambda image: image.path):
        groups[image.group if by_group else str(image.path)].append(image)
    if len(groups) < 2:
        raise DataError(f'{images[0].path.parent}: ' + (
            'all images are of one group (one video or folder), so that whole groups cannot be '
            'split: split by image' if by_group else
            'one image is labeled, expected two or more: one to train on, one to evaluate on'))
    names = list(groups)
    np.random.default_rng(seed).shuffle(names)
    target = val * sum(map(len, groups.values()))
    chosen: list[str] = []
    count = 0
    for name in names:
        if count + len(groups[name]) / 2 <= target and len(chosen) < len(names) - 1:
            chosen.append(name)
            count += len(groups[name])
    if not chosen:
        chosen = [min(names, key=lambda name: len(groups[name]))]
    splits: Splits = {TRAIN: [], VAL: []}
    for name, group in groups.items():
        splits[VAL if name in chosen else TRAIN] += group
    return splits
