"""The box that is cut out of the image: its extension in testing, its augmentation in training.

As in MMPose, a box consists of ``bbox_center`` (1, 2) and ``bbox_scale`` (1, 2), its width and
height, in image pixels. It need not have the input's aspect ratio, because MMPose's
``TopdownAffine`` grows it to that ratio at the end of the pipeline.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.structures.bbox import bbox_xyxy2cs

from rsn_mm.errors import DataError, OptionError
from rsn_mm.registry import TRANSFORMS

Pair = Sequence[float]

#: A half of the body is taken for itself if more joints of it than this are labeled.
MIN_HALF = 3
#: A box is made of no fewer joints than this.
MIN_SELECTED = 3
#: The upper half is preferred if a standard normal draw is below this.
UPPER_HALF_BELOW = 0.5


@TRANSFORMS.register_module()
class ExtendBBox(BaseTransform):
    """Widen the box around its center.

    Required keys: ``bbox`` (1, 4) x1, y1, x2, y2, or ``bbox_center`` and ``bbox_scale``. Added or
    modified: ``bbox_center``, ``bbox_scale``.

    Args:
        fixed: Fractions of width and height that are always added: on COCO (0.09, 0.135) in testing
            and (0.05, 0.05) in training, on MPII (0.25, 0.25).
        random: Limits of further fractions, drawn uniformly from 0 to these, separately for width
            and height: (0.6, 0.8) in training on COCO.

    A box without width or without height is kept, with a warning: growing it to the input's aspect
    ratio gives it both, as in the released code.

    Raises:
        OptionError: If the box has neither width nor height, or is not finite.

    Example:
        >>> extend = rsn_mm.datasets.transforms.ExtendBBox(fixed=(0.25, 0.5))
        >>> sample = extend(dict(bbox=np.array([[10., 20., 50., 100.]])))
        >>> sample['bbox_center'].tolist(), sample['bbox_scale'].tolist()
        ([[30.0, 60.0]], [[50.0, 120.0]])
    """

    def __init__(self, fixed: Pair = (0., 0.), random: Pair = (0., 0.)) -> None:
        for name, pair in (('fixed', fixed), ('random', random)):
            if len(pair) != 2 or min(pair) < 0:
                raise OptionError(f'ExtendBBox: {name}={pair}, expected two fractions (x, y), '
                                  '0 or more')
        self.fixed = np.array(fixed, dtype=np.float32)
        self.random = np.array(random, dtype=np.float32)

    def transform(self, results: dict) -> dict:
        if 'bbox_center' not in results or 'bbox_scale' not in results:
            results['bbox_center'], results['bbox_scale'] = bbox_xyxy2cs(results['bbox'])
        scale = results['bbox_scale']
        # Written so that a NaN fails it.
        if not (np.isfinite(scale).all() and (scale >= 0).all() and (scale > 0).any()):
            raise DataError(f"{results.get('img_path')}: person box of width and height "
                             f'{scale.ravel().tolist()}, expected at least one above 0')
        if not scale.all():
            warnings.warn(f"{results.get('img_path')}: person box of width and height "
                          f"{scale.ravel().tolist()} grows to the input's aspect ratio",
                          stacklevel=2)
        scale = scale * (1 + self.fixed)
        if self.random.any():
            scale = scale * (1 + np.random.rand(2).astype(np.float32) * self.random)
        results['bbox_scale'] = scale.astype(np.float32)
        return results


@TRANSFORMS.register_module()
class HalfBodyBBox(BaseTransform):
    """Sometimes replace the box by one around the upper or the lower half of the body.

    The rule is that of the released code. With ``n`` drawn from a standard normal distribution,
    the labeled joints of the upper half are taken if ``n < 0.5`` (probability 0.69) and there are
    more than :data:`MIN_HALF` of them; otherwise those of the lower half if there are more than
    :data:`MIN_HALF` of them; otherwise those of the upper half. The new box has the center of their
    extent. The box stays as it is if fewer than :data:`MIN_SELECTED` joints were taken.

    Required keys: ``keypoints`` (1, K, 2), ``keypoints_visible`` (1, K) or (1, K, 2), and
    ``upper_body_ids`` unless it is an argument. Modified: ``bbox_center``, ``bbox_scale``.

    Args:
        prob: Probability of the replacement if there are enough joints.
        min_labeled: The person must have more labeled joints than this.
        extension: Width and height grow by fractions drawn uniformly from 0 to these.
        upper_body_ids: Indices of the joints of the upper half; all others are the lower half. By
            default those of the dataset. The released code counts COCO's hips as upper body,
            MMPose's COCO dataset does not.

    Raises:
        OptionError: If an argument is not as described.

    Example:
        >>> half = rsn_mm.datasets.transforms.HalfBodyBBox(
        ...     prob=1, extension=(0, 0), upper_body_ids=[0, 1, 2, 3])
        >>> joints = np.array([[[10., 10.], [30., 10.], [10., 50.], [30., 50.], [20., 90.]]])
        >>> sample = half(dict(keypoints=joints, keypoints_visible=np.ones((1, 5))))
        >>> sample['bbox_center'].tolist(), sample['bbox_scale'].tolist()  # without the last joint
        ([[20.0, 30.0]], [[20.0, 40.0]])
    """

    def __init__(self, prob: float = 0.3, min_labeled: int = 3, extension: Pair = (0.6, 0.8),
                 upper_body_ids: Sequence[int] | None = None) -> None:
        if not 0 <= prob <= 1:
            raise OptionError(f'HalfBodyBBox: prob={prob}, expected 0 to 1')
        self.prob = prob
        self.min_labeled = min_labeled
        self.extension = np.array(extension, dtype=np.float32)
        self.upper_body_ids = upper_body_ids

    def transform(self, results: dict) -> dict:
        labeled = np.asarray(results['keypoints_visible'])[0] > 0
        if labeled.ndim == 2:  # KeypointConverter stores weights next to the flags
            labeled = labeled[:, 0]
        if labeled.sum() <= self.min_labeled or np.random.rand() >= self.prob:
            return results
        is_upper = np.zeros_like(labeled)
        is_upper[list(results['upper_body_ids'] if self.upper_body_ids is None
                      else self.upper_body_ids)] = True
        upper, lower = labeled & is_upper, labeled & ~is_upper
        takes_upper = np.random.randn() < UPPER_HALF_BELOW and upper.sum() > MIN_HALF
        taken = upper if takes_upper or lower.sum() <= MIN_HALF else lower
        if taken.sum() < MIN_SELECTED:
            return results
        joints = results['keypoints'][0, taken, :2]
        scale = np.ptp(joints, axis=0) * (1 + np.random.rand(2) * self.extension)
        if (scale <= 0).all():  # all joints on one spot: nothing to cut out
            return results
        center = (joints.min(axis=0) + joints.max(axis=0)) / 2
        results['bbox_center'] = center[None].astype(np.float32)
        results['bbox_scale'] = scale[None].astype(np.float32)
        return results


@TRANSFORMS.register_module()
class ScaleRotateBBox(BaseTransform):
    """Scale width and height of the box by one factor, and rotate it.

    Required keys: ``bbox_scale``. Modified: ``bbox_scale``. Added: ``bbox_rotation`` (1,) degrees.

    Args:
        scale: Limits of the factor, which is drawn uniformly.
        shrink: Another factor, which is fixed: 0.8 in training on COCO, 1 on MPII.
        rotation: Largest angle in degrees; the angle is drawn uniformly to both sides: 45 on COCO,
            60 on MPII.
        rotation_prob: Probability of a rotation.

    Example:
        >>> augment = rsn_mm.datasets.transforms.ScaleRotateBBox(
        ...     scale=(1, 1), shrink=0.5, rotation=45, rotation_prob=1)
        >>> sample = augment(dict(bbox_scale=np.array([[40., 60.]])))
        >>> sample['bbox_scale'].tolist()
        [[20.0, 30.0]]
        >>> bool(abs(sample['bbox_rotation'][0]) <= 45)
        True
    """

    def __init__(self, scale: Pair = (0.75, 1.25), shrink: float = 0.8, rotation: float = 45.,
                 rotation_prob: float = 0.5) -> None:
        if len(scale) != 2 or not 0 < scale[0] <= scale[1] or shrink <= 0:
            raise OptionError(f'ScaleRotateBBox: scale={scale}, shrink={shrink}, expected 0 < '
                              'smallest <= largest and shrink above 0')
        self.scale = scale
        self.shrink = shrink
        self.rotation = rotation
        self.rotation_prob = rotation_prob

    def transform(self, results: dict) -> dict:
        factor = np.float32(self.shrink * np.random.uniform(self.scale[0], self.scale[1]))
        results['bbox_scale'] = results['bbox_scale'] * factor
        rotated = np.random.rand() < self.rotation_prob
        angle = np.random.uniform(-self.rotation, self.rotation) if rotated else 0.
        results['bbox_rotation'] = np.array([angle], dtype=np.float32)
        return results
