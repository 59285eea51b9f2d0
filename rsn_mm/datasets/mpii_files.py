"""Reads MPII's files in the form that MMPose's users have, and refuses files that do not match.

``mpii_{train,val,test,trainval}.json`` are lists of persons. ``mpii_gt_val.mat`` has the head boxes
of the persons in ``mpii_val.json``, in the same order.
"""

import json
import logging
import os
from collections.abc import Iterator

import numpy as np
from mmengine.fileio import exists, get_local_path, get_text
from mmengine.logging import print_log
from scipy.io import loadmat

from .checks import NUM_SHOWN, DataError

NUM_JOINTS = 16
PERSON_KEYS = ('image', 'center', 'scale')

HEAD_BOXES = 'headboxes_src'  #: (corner 2, xy 2, person N)
POSITIONS = 'pos_gt_src'  #: (joint 16, xy 2, person N), the same joints as in the JSON file
#: Two annotations are of the same person if their joints are this close on average, in pixels.
SAME_PERSON = 10.
#: One file counts as a corrected version of the other if no larger share of the persons differs.
CORRECTED = 0.01


def read_persons(path: str) -> list[dict]:
    """The persons of an annotation file.

    Args:
        path: JSON file with a list of persons. Each has ``image``, ``center`` (x, y) and ``scale``.
            Either all or none, as in ``mpii_test.json``, have ``joints`` (16, 2) and ``joints_vis``
            (16, ). Positions are in image pixels that count from 1.

    Raises:
        DataError: If the file does not exist, is not such a list, or an entry is incomplete.
    """
    if not exists(path):
        raise DataError(f'{path} does not exist (ann_file of an MPII dataset)')
    try:
        persons = json.loads(get_text(path))
    except ValueError as error:
        raise DataError(f'{path} is not a JSON file: {error}') from error
    if not isinstance(persons, list) or not all(isinstance(p, dict) for p in persons):
        raise DataError(f"{path}: expected MPII's format, a list of persons")
    if not persons:
        raise DataError(f'{path}: the dataset is empty: the file has no annotation')
    labeled = has_joints(persons[0])
    for i, person in enumerate(persons):
        missing = [key for key in PERSON_KEYS if key not in person]
        if missing:
            raise DataError(f'{path}: annotation {i} has no {", ".join(map(repr, missing))}')
        problem = next(_problems(person, labeled), None)
        if problem is not None:
            raise DataError(f'{path}: annotation {i} ({person["image"]}) has {problem}')
    return persons


def _problems(person: dict, labeled: bool) -> Iterator[str]:
    if not str(person['image']).split('.')[0].isdigit():
        yield 'an image name that does not start with a number and a point, as those of MPII do'
    if _shape(person['center']) != (2, ):
        yield f'center {person["center"]}, expected x, y'
    if _shape(person['scale']) != ():
        yield f'scale {person["scale"]}, expected a number'
    if has_joints(person) != labeled:
        yield 'no joints, but annotation 0 has' if labeled else 'joints, but annotation 0 has none'
    if labeled:
        for key, shape in (('joints', (NUM_JOINTS, 2)), ('joints_vis', (NUM_JOINTS, ))):
            if _shape(person.get(key)) != shape:
                yield f'{key} of shape {_shape(person.get(key))}, expected {shape}'


def _shape(numbers: object) -> tuple[int, ...] | None:
    """The shape of nested lists of numbers; ``None`` for anything else."""
    try:
        return None if numbers is None else np.array(numbers, dtype=np.float64).shape
    except (TypeError, ValueError):
        return None


def has_joints(person: dict) -> bool:
    """Whether a person is annotated; persons of the test set are not."""
    return bool(person.get('joints'))


def read_head_boxes(path: str, persons: list[dict], ann_file: str) -> np.ndarray:
    """The head boxes of persons, whose size is the unit of PCKh.

    Args:
        path: MATLAB file with ``headboxes_src``. If it also has the joints (``pos_gt_src``), they
            are used to check that both files list the same persons in the same order.
        persons: The persons, as :func:`read_persons` returns them.
        ann_file: The file that the persons come from, for messages.

    Returns:
        (N, 2, 2) float64: the upper left and the lower right corner, x, y in image pixels.

    Raises:
        DataError: If the file does not exist, cannot be read, has no head boxes, has those of
            other persons, or has a box without area.
    """
    if not exists(path):
        raise DataError(f'{path} does not exist (headbox_file of an MPII dataset); PCKh '
                        'needs the head boxes in mpii_gt_val.mat')
    try:
        with get_local_path(path) as local_path:
            content = loadmat(local_path)
    except Exception as error:  # SciPy raises many kinds of errors on damaged files
        raise DataError(f'{path} cannot be read as a MATLAB file: {error}') from error
    if HEAD_BOXES not in content:
        found = ', '.join(key for key in content if not key.startswith('__'))
        raise DataError(f'{path} has no {HEAD_BOXES}; it has {found or "nothing"}')
    boxes = content[HEAD_BOXES].astype(np.float64)
    if boxes.shape != (2, 2, len(persons)):
        raise DataError(
            f'{path}: {HEAD_BOXES} is {boxes.shape}, expected {(2, 2, len(persons))}: corners, x '
            f'and y, and the {len(persons)} persons of {ann_file}')
    boxes = boxes.transpose(2, 0, 1)
    diagonals = np.linalg.norm(boxes[:, 1] - boxes[:, 0], axis=-1)
    bad = np.flatnonzero(~(np.isfinite(diagonals) & (diagonals > 0)))
    if bad.size:
        raise DataError(f'{path}: {bad.size} head boxes have no size, the first is that of person '
                        f'{bad[0]}, {boxes[bad[0]].tolist()}')
    if POSITIONS in content:
        _check_order(path, content[POSITIONS], persons, ann_file)
    return boxes


def _check_order(path: str, positions: np.ndarray, persons: list[dict], ann_file: str) -> None:
    """Both files must list the same persons in the same order; a few may differ."""
    if positions.shape != (NUM_JOINTS, 2, len(persons)):
        raise DataError(f'{path}: {POSITIONS} is {positions.shape}, expected '
                        f'{(NUM_JOINTS, 2, len(persons))}: the joints of {ann_file}')
    different = []
    for i, person in enumerate(persons):
        labeled = np.array(person.get('joints_vis', ()), dtype=bool)
        if not labeled.any():
            continue
        distances = np.linalg.norm(
            np.array(person['joints'])[labeled] - positions[labeled, :, i], axis=-1)
        if not distances.mean() <= SAME_PERSON:
            different.append(i)
    if not different:
        return
    shown = ', '.join(f'{i} ({os.path.basename(persons[i]["image"])})'
                      for i in different[:NUM_SHOWN])
    message = (f'{path}: the joints of {len(different)} of {len(persons)} persons are not those of '
               f'{ann_file}, first of persons {shown}')
    if len(different) > CORRECTED * len(persons):
        raise DataError(f'{message}: the files are of different persons or in another order')
    print_log(message, 'current', logging.WARNING)
