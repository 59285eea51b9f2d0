"""Labels that can be trained on, but hardly are what somebody meant."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mmengine.dataset import BaseDataset

from rsn_mm.labels.images import size_of

from .checks import source_of

#: Some joints of many data sets lie outside of their box. This many are too many.
MANY_OUTSIDE = 0.05


def doubtful_labels(dataset: BaseDataset) -> list[str]:
    """Look for flags and positions that are probably mistakes.

    Args:
        dataset: An initialized top-down dataset of MMPose whose samples have the raw annotations;
            nothing is found in any other.

    Returns:
        One line for each kind of doubt.
    """
    samples = list(_labeled(dataset))
    if not samples:
        return []
    flags = np.concatenate([flags for _, _, flags in samples])
    lines = []
    if (flags[flags > 0] == 1).all() and (flags > 0).any():
        lines.append('every labeled joint has the flag 1 (occluded), for which all units of the '
                     'network but the last learn empty maps; visible joints have the flag 2')
    outside = [_outside(joints[flags > 0], sample['bbox'][0]) for sample, joints, flags in samples]
    number, total = sum(map(int, map(np.sum, outside))), int((flags > 0).sum())
    if total and number > MANY_OUTSIDE * total:
        lines.append(f'{number} of {total} labeled joints lie outside of their box; those that the '
                     'enlarged box does not reach are not learned')
    beyond = sum(_outside_image(sample['img_path'], joints[flags > 0])
                 for (sample, joints, flags), bad in zip(samples, outside) if bad.any())
    if beyond:
        lines.append(f'{beyond} of {total} labeled joints lie outside of their image, and are not '
                     'learned')
    return [f'{source_of(dataset)}: {line}' for line in lines]


def _labeled(dataset: BaseDataset) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
    """Each sample with its joints (K, 2) in image pixels and its raw flags (K,)."""
    if not isinstance(dataset, BaseDataset) or getattr(dataset, 'bbox_file', None):
        return
    for i in range(len(dataset)):
        sample = BaseDataset.get_data_info(dataset, i)
        raw = sample.get('raw_ann_info')
        if isinstance(raw, dict) and 'keypoints' in raw:
            keypoints = np.reshape(raw['keypoints'], (-1, 3))
            yield sample, keypoints[:, :2], keypoints[:, 2]


def _outside(joints: np.ndarray, box_xyxy: np.ndarray) -> np.ndarray:
    """Whether joints (N, 2) lie outside of a box, by more than the pixel at its border."""
    return np.any((joints < box_xyxy[:2] - 1) | (joints > box_xyxy[2:] + 1), axis=1)


def _outside_image(path: str, joints: np.ndarray) -> int:
    """How many joints (N, 2) lie outside of an image. Only local files are looked at."""
    if not Path(path).is_file():
        return 0
    width, height = size_of(Path(path))
    return int(_outside(joints, np.array([0., 0., width - 1, height - 1])).sum())
