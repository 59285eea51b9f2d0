"""The box that is cut out: its extension at test time, its augmentation in training.

Boxes are ``bbox_center`` (1, 2) and ``bbox_scale`` (1, 2), width and height in image pixels, as in
MMPose. They need not have the input's aspect ratio: MMPose's ``TopdownAffine`` grows them to it,
and what is done here commutes with that.
"""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.structures.bbox import bbox_xyxy2cs

from rsn_mm.registry import TRANSFORMS

Pair = Sequence[float]


@TRANSFORMS.register_module()
class ExtendBBox(BaseTransform):
    """Widen the box around its centre.

    Required keys: ``bbox`` (1, 4) x1, y1, x2, y2, or ``bbox_center`` and ``bbox_scale``. Added or
    modified: ``bbox_center``, ``bbox_scale``.

    Args:
        fixed: Fractions of width and height that are always added. At test time (0.09, 0.135) for
            COCO, (0.25, 0.25) for MPII; in training (0.05, 0.05) and (0.25, 0.25).
        random: Further fractions, drawn evenly from 0 to these, for width and height on their own.
            (0.6, 0.8) in COCO training.

    Raises:
        ValueError: If the box has no area.
    """

    def __init__(self, fixed: Pair = (0., 0.), random: Pair = (0., 0.)) -> None:
        for name, pair in (('fixed', fixed), ('random', random)):
            if len(pair) != 2 or min(pair) < 0:
                raise ValueError(f'ExtendBBox: {name}={pair}, expected two fractions (x, y), '
                                 '0 or more')
        self.fixed = np.array(fixed, dtype=np.float32)
        self.random = np.array(random, dtype=np.float32)

    def transform(self, results: dict) -> dict:
        if 'bbox_center' not in results or 'bbox_scale' not in results:
            results['bbox_center'], results['bbox_scale'] = bbox_xyxy2cs(results['bbox'])
        scale = results['bbox_scale']
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise ValueError(f"{results.get('img_path')}: person box of width and height "
                             f'{scale.ravel().tolist()}, expected both above 0')
        scale = scale * (1 + self.fixed)
        if self.random.any():
            scale = scale * (1 + np.random.rand(2).astype(np.float32) * self.random)
        results['bbox_scale'] = scale.astype(np.float32)
        return results


@TRANSFORMS.register_module()
class HalfBodyBBox(BaseTransform):
    """Replace the box now and then by one around the upper or the lower body.

    Required keys: ``keypoints`` (1, K, 2), ``keypoints_visible`` (1, K), ``upper_body_ids``,
    ``lower_body_ids``. Modified: ``bbox_center``, ``bbox_scale``.

    Args:
        prob: Probability, where there are enough joints.
        min_labelled: The person must have more labelled joints than this.
        min_half: A half must have more labelled joints than this to be chosen; where only one half
            has, it is the one.
        extension: Width and height grow by fractions drawn evenly from 0 to these.
    """

    def __init__(self, prob: float = 0.3, min_labelled: int = 3, min_half: int = 2,
                 extension: Pair = (0.6, 0.8)) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'HalfBodyBBox: prob={prob}, expected 0 to 1')
        if min_half < 1:
            raise ValueError(f'HalfBodyBBox: min_half={min_half}, expected 1 or more: a box needs '
                             'two joints')
        self.prob = prob
        self.min_labelled = min_labelled
        self.min_half = min_half
        self.extension = np.array(extension, dtype=np.float32)

    def transform(self, results: dict) -> dict:
        labelled = results['keypoints_visible'][0] > 0
        if labelled.sum() <= self.min_labelled or np.random.rand() >= self.prob:
            return results
        halves = [[i for i in results[key] if labelled[i]]
                  for key in ('upper_body_ids', 'lower_body_ids')]
        halves = [half for half in halves if len(half) > self.min_half]
        if not halves:
            return results
        joints = results['keypoints'][0, halves[np.random.randint(len(halves))], :2]
        scale = np.ptp(joints, axis=0) * (1 + np.random.rand(2) * self.extension)
        if (scale <= 0).all():  # all joints on one spot: nothing to cut out
            return results
        results['bbox_center'] = joints.mean(axis=0, keepdims=True).astype(np.float32)
        results['bbox_scale'] = scale[None].astype(np.float32)
        return results


@TRANSFORMS.register_module()
class ScaleRotateBBox(BaseTransform):
    """Scale the box evenly and rotate it.

    Required keys: ``bbox_scale``. Modified: ``bbox_scale``. Added: ``bbox_rotation`` (1,) degrees.

    Args:
        scale: Smallest and largest factor, drawn evenly.
        shrink: Times this: 0.8 in COCO training, 1 in MPII training.
        rotation: Largest angle in degrees, drawn evenly to both sides: 45 COCO, 60 MPII.
        rotation_prob: Probability of a rotation.
    """

    def __init__(self, scale: Pair = (0.75, 1.25), shrink: float = 0.8, rotation: float = 45.,
                 rotation_prob: float = 0.5) -> None:
        if len(scale) != 2 or not 0 < scale[0] <= scale[1] or shrink <= 0:
            raise ValueError(f'ScaleRotateBBox: scale={scale}, shrink={shrink}, expected 0 < '
                             'smallest <= largest and shrink above 0')
        self.scale = tuple(scale)
        self.shrink = shrink
        self.rotation = rotation
        self.rotation_prob = rotation_prob

    def transform(self, results: dict) -> dict:
        factor = np.float32(self.shrink * np.random.uniform(*self.scale))
        results['bbox_scale'] = results['bbox_scale'] * factor
        rotated = np.random.rand() < self.rotation_prob
        angle = np.random.uniform(-self.rotation, self.rotation) if rotated else 0.
        results['bbox_rotation'] = np.array([angle], dtype=np.float32)
        return results
