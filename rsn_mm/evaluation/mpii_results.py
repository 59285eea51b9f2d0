"""Predictions on MPII as a MATLAB file."""

import os
from pathlib import Path

import numpy as np
from scipy.io import savemat

from rsn_mm.datasets.checks import DataError

#: MPII counts pixels from 1.
ORIGIN = 1


def check_result_file(path: str) -> None:
    """Refuse a file that cannot be written or would be written over.

    Raises:
        DataError: If it does not end with ``.mat``, is there already, or its folder cannot be made.
    """
    if not path.endswith('.mat'):
        raise DataError(f'result_file {path}: expected a file ending with .mat')
    if os.path.exists(path):
        raise DataError(f'result_file {path} is there already: remove it or choose another name')
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f'result_file {path}: its folder cannot be made: {error}') from error


def write_results(path: str, keypoints: dict[int, np.ndarray], count: int) -> None:
    """Write ``preds`` (N, 16, 2), the persons in the order of the annotation file.

    Args:
        path: MATLAB file, which must not be there.
        keypoints: Per person, by its number in the annotation file, (16, 2) x, y in image pixels
            that count from 0. In the file they count from 1, as MPII does.
        count: Predictions there were, to find persons that were predicted twice.

    Raises:
        DataError: If persons are missing or double, or the file is there already.
    """
    missing = sorted(set(range(count)) - keypoints.keys())
    if missing:
        raise DataError(f'result_file {path}: {count} predictions, but none for person '
                        f'{missing[0]} of the annotation file; use the data set rsn_mm.MpiiDataset '
                        'with test_mode=True')
    check_result_file(path)
    predictions = np.stack([keypoints[i] for i in range(count)]) + ORIGIN
    part = f'{path}.{os.getpid()}.part'
    try:
        with open(part, 'xb') as file:
            savemat(file, dict(preds=predictions.astype(np.float64)))
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)
