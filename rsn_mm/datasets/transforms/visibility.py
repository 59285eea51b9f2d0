"""Loads the visibility flags as they were annotated."""

import numpy as np
from mmcv.transforms import BaseTransform

from rsn_mm.datasets.checks import check_keypoints
from rsn_mm.errors import DataError, OptionError
from rsn_mm.registry import TRANSFORMS

FLAGS = ('coco', 'binary')
#: Keys of the joints in COCO-WholeBody's annotations, in order; COCO's have only the first.
JOINT_KEYS = ('keypoints', 'foot_kpts', 'face_kpts', 'lefthand_kpts', 'righthand_kpts')
#: What to do where the annotation has other joints than the sample.
ORDER = ('LoadVisibility must come before transforms that reorder or replace joints, such as '
         'KeypointConverter, and in a CombinedDataset both belong to the pipeline of each dataset')


@TRANSFORMS.register_module()
class LoadVisibility(BaseTransform):
    """Restore the flags 2 (visible), 1 (occluded but labeled) and 0 (not labeled).

    MMPose's datasets clip the flags to 0 and 1 on loading. The loss treats occluded joints
    differently from visible ones, so the flags are taken from the raw annotation. This transform
    must come before any transform that reorders or replaces joints, such as ``KeypointConverter``;
    with a ``CombinedDataset`` it therefore belongs to the pipeline of each dataset. It should come
    before the image is loaded, so that bad annotations fail early.

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
        shape = results['keypoints'].shape[:2]
        flags = self._raw_flags(results) if self.flags == 'coco' else None
        expected = len(results.get('flip_indices', results['keypoints'][0]))
        if flags is not None and expected != shape[1]:
            raise DataError(f'{_name(results)}: {shape[1]} joints, expected the {expected} of the '
                            f'dataset; {ORDER}')
        check_keypoints(results)
        labeled = np.asarray(results['keypoints_visible']) > 0
        if labeled.ndim == 3:  # some datasets store weights next to the flags
            labeled = labeled[..., 0]
        if flags is None:
            flags = 2 * labeled
        elif (labeled != (flags > 0)).any():
            raise DataError(f'{_name(results)}: the raw flags {flags.tolist()} are in another '
                            f'order than the joints; {ORDER}')
        results['keypoints_visible'] = flags.astype(np.float32).reshape(shape)
        return results

    @staticmethod
    def _raw_flags(results: dict) -> np.ndarray:
        """The flags (N, K) of the annotation of a sample."""
        if 'raw_ann_info' not in results:
            raise DataError(f"LoadVisibility: the sample of {results.get('img_path')} has no "
                             "raw_ann_info; use flags='binary' for datasets without COCO's flags")
        flags = [sum((list(a.get(key, ())) for key in JOINT_KEYS), [])[2::3]
                 for a in _annotations(results)]
        if not all(flag in (0, 1, 2) for row in flags for flag in row) or not all(flags):
            raise DataError(f'{_name(results)}: visibility flags {flags}, expected 0, 1 or 2 for '
                            "each joint; use flags='binary' for datasets without COCO's")
        num_people, num_joints = results['keypoints'].shape[:2]
        if [len(row) for row in flags] != [num_joints] * num_people:
            raise DataError(f'{_name(results)}: the annotation has {len(flags[0])} joints, and the '
                            f'sample {num_joints}; {ORDER}')
        return np.array(flags)


def _annotations(results: dict) -> list[dict]:
    raw = results['raw_ann_info']
    return [raw] if isinstance(raw, dict) else list(raw)


def _name(results: dict) -> str:
    return f"{results.get('img_path')}, annotation {_annotations(results)[0].get('id')}"
