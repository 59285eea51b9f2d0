"""Loads the visibility flags as they were annotated."""

import numpy as np
from mmcv.transforms import BaseTransform

from rsn_mm.datasets.checks import check_keypoints
from rsn_mm.errors import DataError, OptionError
from rsn_mm.registry import TRANSFORMS

FLAGS = ('coco', 'binary')
#: Keys of the joints in COCO-WholeBody's annotations, in order; COCO's have only the first.
JOINT_KEYS = ('keypoints', 'foot_kpts', 'face_kpts', 'lefthand_kpts', 'righthand_kpts')


@TRANSFORMS.register_module()
class LoadVisibility(BaseTransform):
    """Restore the flags 2 (visible), 1 (occluded but labeled) and 0 (not labeled).

    MMPose's datasets clip the flags to 0 and 1 on loading. The loss treats occluded joints
    differently from visible ones, so the flags are taken from the raw annotation. This transform
    must come before any transform that reorders joints. It should come before the image is loaded,
    so that bad annotations fail early.

    Required keys: ``keypoints`` (N, K, 2), ``keypoints_visible`` (N, K), and for ``'coco'``
    ``raw_ann_info``. Modified: ``keypoints_visible`` (N, K) float32.

    Args:
        flags: ``'coco'`` if the annotation has the flag 2, 1 or 0 after each joint; ``'binary'`` if
            it has 0 and 1 (MPII), which count as 0 and 2.

    Raises:
        DataError: If joints are missing, not finite, or have other flags.

    Example:
        >>> load = rsn_mm.datasets.transforms.LoadVisibility()
        >>> raw = dict(keypoints=[30, 40, 2, 50, 60, 1, 0, 0, 0])  # x, y, flag of three joints
        >>> sample = load(dict(keypoints=np.array([[[30., 40.], [50., 60.], [0., 0.]]]),
        ...                    keypoints_visible=np.array([[1., 1., 0.]]), raw_ann_info=raw))
        >>> sample['keypoints_visible'].tolist()
        [[2.0, 1.0, 0.0]]
    """

    def __init__(self, flags: str = 'coco') -> None:
        if flags not in FLAGS:
            raise OptionError(f'LoadVisibility: flags={flags!r}, expected one of {FLAGS}')
        self.flags = flags

    def transform(self, results: dict) -> dict:
        check_keypoints(results)
        shape = results['keypoints'].shape[:2]
        labeled = np.asarray(results['keypoints_visible']) > 0
        if labeled.ndim == 3:  # some datasets store weights next to the flags
            labeled = labeled[..., 0]
        if self.flags == 'binary':
            flags = 2 * labeled
        elif 'raw_ann_info' not in results:
            raise DataError(f"LoadVisibility: the sample of {results.get('img_path')} has no "
                             "raw_ann_info; use flags='binary' for datasets without COCO's flags")
        else:
            annotations = results['raw_ann_info']
            if isinstance(annotations, dict):
                annotations = [annotations]
            flags = np.array([sum((list(a.get(key, ())) for key in JOINT_KEYS), [])[2::3]
                              for a in annotations])
            name = f"{results.get('img_path')}, annotation {annotations[0].get('id')}"
            if flags.shape != shape or not np.isin(flags, (0, 1, 2)).all():
                raise DataError(f'{name}: visibility flags {flags.tolist()}, expected {shape[1]} '
                                 "of 0, 1, 2; use flags='binary' for datasets without COCO's")
            if (labeled != (flags > 0)).any():
                raise DataError(f'{name}: the raw flags {flags.tolist()} are in another order '
                                 'than the joints; LoadVisibility must come before transforms that '
                                 'reorder or replace joints')
        results['keypoints_visible'] = flags.astype(np.float32).reshape(shape)
        return results
