"""Checks of a dataset, made before hours of work are spent on it."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from rsn_mm.errors import DataError

from .annotation_files import describe_selection, file_problem

#: COCO's flags: not labeled, labeled but occluded, visible.
VISIBILITY_FLAGS = frozenset((0, 1, 2))
#: Number of problems of one kind that a message shows; the rest is only counted.
NUM_SHOWN = 3
#: Number of samples between two lines of progress.
PROGRESS_INTERVAL = 50_000


# ------------------------------------------------------------------------------------ one sample


def check_keypoints(results: dict) -> None:
    """Refuse a sample of a pipeline whose keypoints or box cannot be used.

    Args:
        results: Sample of a top-down dataset. These entries are checked if they are present:
            ``keypoints`` (N, K, 2) x, y in image pixels, ``flip_indices`` of length K, and ``bbox``
            (N, 4) x1, y1, x2, y2.

    Raises:
        DataError: If keypoints are NaN or infinite, their number differs from that of
            ``flip_indices``, or a box is empty. The message names the image and the annotation.
    """
    num_keypoints = len(results['flip_indices']) if 'flip_indices' in results else None
    problem = next(_position_problems(results, num_keypoints), None)
    if problem is not None:
        raise DataError(f'{_name(results)}: {problem}')


def has_extent(boxes_xyxy: np.ndarray) -> np.ndarray:
    """Whether boxes (N, 4) x1, y1, x2, y2 can be cut out, (N,).

    Width or height may be 0, since boxes grow to the input's aspect ratio, but not both.
    """
    # A box with a NaN has a NaN in its size, which fails both comparisons.
    size_wh = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    return np.isfinite(size_wh).all(-1) & (size_wh >= 0).all(-1) & (size_wh > 0).any(-1)


def _name(sample: dict, kind: str = 'annotation id') -> str:
    return f'{sample.get("img_path")}, {kind} {sample.get("id")}'


def _position_problems(sample: dict, num_keypoints: int | None) -> Iterator[str]:
    keypoints, boxes_xyxy = sample.get('keypoints'), sample.get('bbox')
    if keypoints is not None:
        expected = keypoints.shape[1] if num_keypoints is None else num_keypoints
        if keypoints.shape[1:] != (expected, 2):
            yield f'{keypoints.shape[1]} joints, expected the {expected} of the dataset'
        elif not np.isfinite(keypoints).all():
            person, joint = np.argwhere(~np.isfinite(keypoints))[0][:2]
            yield f'joint {joint} is at {tuple(keypoints[person, joint].tolist())}'
    if boxes_xyxy is not None and not has_extent(boxes_xyxy).all():
        yield (f'box {boxes_xyxy.tolist()} (x1, y1, x2, y2) is empty: expected finite numbers and '
               'a width or a height above 0')


def _flag_problems(sample: dict) -> Iterator[str]:
    # MMPose clips the flags on loading. The raw annotation, if there is one, has the raw flags.
    raw = sample.get('raw_ann_info')
    flags = (raw['keypoints'][2::3] if isinstance(raw, dict) and 'keypoints' in raw
             else np.ravel(sample.get('keypoints_visible', ())).tolist())
    if not VISIBILITY_FLAGS.issuperset(flags):
        joint, flag = next((i, f) for i, f in enumerate(flags) if f not in VISIBILITY_FLAGS)
        yield (f'joint {joint} has visibility flag {flag}, expected 0 (not labeled), 1 (occluded) '
               'or 2 (visible)')


# ---------------------------------------------------------------------------------- one dataset


def check_dataset(dataset: BaseDataset) -> str:
    """Check all annotations of a dataset. A wrapper's datasets are to be checked one by one.

    Args:
        dataset: An initialized top-down dataset of MMPose, such as ``CocoDataset``, ``AicDataset``
            or ``MpiiDataset``.

    Returns:
        One line on what is kept of the annotation file and what MMPose skipped.

    Raises:
        DataError: If the dataset is empty, an image does not exist, or an annotation has a NaN or
            infinite joint, a number of joints other than the dataset's, a visibility flag other
            than 0, 1 and 2, or an empty box. The message names the file and the first few
            annotations or images, and says how many there are. Also if a field of the file has a
            wrong type or value, an id is there twice, a labeled joint is far from its image, or
            the joints of a category are in another order; the message names the first one.
    """
    if len(dataset) == 0:
        raise DataError(file_problem(dataset) or f'{source_of(dataset)}: the dataset is empty')
    if getattr(dataset, 'data_mode', 'topdown') != 'topdown':
        raise DataError(f'{source_of(dataset)}: data_mode={dataset.data_mode!r}, expected '
                        "'topdown', one person per sample")
    images = _check_samples(dataset)
    _check_images(dataset, images)
    problem = file_problem(dataset)
    if problem is not None:
        raise DataError(problem)
    return f'{source_of(dataset)}: ' + (
        describe_selection(dataset) or f'{len(dataset)} samples, {len(images)} images')


def _check_samples(dataset: BaseDataset) -> set[str]:
    """Check every sample, and return the paths of the images."""
    num_keypoints = dataset.metainfo.get('num_keypoints')
    # MMPose numbers the persons of a detection file from 0.
    kind = 'person' if getattr(dataset, 'bbox_file', None) else 'annotation id'
    images: set[str] = set()
    problems: list[str] = []
    num_bad = 0
    for i in range(len(dataset)):
        # MMPose's own get_data_info is slower, because it copies the metainfo each time.
        sample = BaseDataset.get_data_info(dataset, i)
        images.add(sample['img_path'])
        found = [*_position_problems(sample, num_keypoints), *_flag_problems(sample)]
        if found:
            num_bad += 1
            if len(problems) < NUM_SHOWN:
                problems.append(f'{_name(sample, kind)}: {"; ".join(found)}')
        if (i + 1) % PROGRESS_INTERVAL == 0:
            print_log(f'{source_of(dataset)}: looked at {i + 1} of {len(dataset)}', 'current')
    if problems:
        raise DataError(f'{source_of(dataset)}: {num_bad} of {len(dataset)} samples cannot be used:'
                        + listed(problems, num_bad))
    return images


def _check_images(dataset: BaseDataset, paths: Iterable[str]) -> None:
    """Every image must exist. Only images in the local file system are checked."""
    if any(getattr(t, 'backend_args', None) for t in transforms_of(dataset)):
        return  # the pipeline reads the images from elsewhere
    folders = defaultdict(set)
    for path in paths:
        if '://' not in path:
            folder, name = os.path.split(path)
            folders[folder].add(name)
    missing = []
    for folder, names in folders.items():
        # One listing is faster than a look-up for each of 100,000 files.
        present = set(os.listdir(folder or '.')) if os.path.isdir(folder or '.') else set()
        missing += [path for path in (os.path.join(folder, n) for n in sorted(names - present))
                    if not os.path.isfile(path)]
    if missing:
        raise DataError(f'{source_of(dataset)}: {len(missing)} images do not exist:'
                        + listed(missing, len(missing))
                        + "\nCheck the dataset's data_root and data_prefix.")


def listed(lines: list[str], total: int) -> str:
    """The first of some lines, each below the other, and how many more there are."""
    shown = lines[:NUM_SHOWN]
    more = [f'... and {total - len(shown)} more'] if total > len(shown) else []
    return ''.join(f'\n  {line}' for line in shown + more)


# -------------------------------------------------------------------------------- datasets at large


def leaf_datasets(dataset: object) -> Iterator[BaseDataset]:
    """The datasets inside a wrapper such as ``ConcatDataset`` or ``RepeatDataset``."""
    for leaf, _ in keyed_leaf_datasets(dataset, ''):
        yield leaf


def keyed_leaf_datasets(dataset: Any, key: str) -> Iterator[tuple[BaseDataset, str]]:
    """As :func:`leaf_datasets`, each with its key in a config where ``dataset`` has this key."""
    if hasattr(dataset, 'datasets'):
        for i, inner in enumerate(dataset.datasets):
            yield from keyed_leaf_datasets(inner, f'{key}.datasets.{i}')
    elif hasattr(dataset, 'dataset'):
        yield from keyed_leaf_datasets(dataset.dataset, f'{key}.dataset')
    else:
        yield dataset, key


def transforms_of(dataset: object) -> list:
    """The transforms of a dataset's own pipeline."""
    return list(getattr(getattr(dataset, 'pipeline', None), 'transforms', ()))


def source_of(dataset: BaseDataset) -> str:
    """The file that the samples of a dataset come from."""
    return str(getattr(dataset, 'bbox_file', None) or getattr(dataset, 'ann_file', '')
               or type(dataset).__name__)
