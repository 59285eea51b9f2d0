"""The error of every joint, in pixels and as PCK."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from mmpose.evaluation.functional import keypoint_epe, keypoint_pck_accuracy
from mmpose.evaluation.metrics import PCKAccuracy

from rsn_mm.registry import METRICS


class JointError(NamedTuple):
    """What was measured on one joint.

    Attributes:
        name: Its name.
        labeled: Number of instances in which it is labeled. Without any, the others are NaN.
        epe: Mean distance between prediction and label, in image pixels.
        pck: Fraction of predictions that are nearer than the threshold.
    """

    name: str
    labeled: int
    epe: float
    pck: float


@METRICS.register_module()
class JointErrors(PCKAccuracy):
    """MMPose's ``EPE`` and ``PCKAccuracy`` in one, which also keeps the figures of every joint.

    The metrics are ``EPE``, the mean distance in image pixels over all labeled joints, and ``PCK``,
    the mean over joints of the fraction within ``thr`` times the longer side of the box. At the end
    of a training or a test, ``rsn_mm.RunSummaryHook`` shows the table of joints.

    Args:
        thr: Threshold of the PCK, as a fraction of the longer side of the box.
        collect_device: ``'cpu'`` or ``'gpu'``, where the results of several processes are
            collected.
        prefix: Prefix of the names of the metrics.

    Example:
        >>> joints = np.array([[[10., 10.], [50., 50.]]])
        >>> metric = rsn_mm.evaluation.JointErrors(thr=0.1)
        >>> metric.dataset_meta = dict(keypoint_id2name={0: 'nose', 1: 'tail'})
        >>> metric.process([], [dict(
        ...     pred_instances=dict(keypoints=joints + [[[3., 4.], [0., 20.]]]),
        ...     gt_instances=dict(keypoints=joints, keypoints_visible=np.ones((1, 2)),
        ...                       bboxes=np.array([[0., 0., 60., 100.]])))])
        >>> metrics = metric.evaluate(1)
        >>> {name: float(value) for name, value in metrics.items()}
        {'PCK': 0.5, 'EPE': 12.5}
        >>> metric.joints[0]
        JointError(name='nose', labeled=1, epe=5.0, pck=1.0)
    """

    default_prefix = ''
    joints: Sequence[JointError] = ()  #: of the last evaluation; in the first process only

    def __init__(self, thr: float = 0.1, collect_device: str = 'cpu',
                 prefix: str | None = None) -> None:
        super().__init__(thr, 'bbox', collect_device, prefix)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Compute ``PCK`` and ``EPE``, and note those of every joint."""
        predicted, labeled, mask, size = (
            np.concatenate([result[key] for result in results])
            for key in ('pred_coords', 'gt_coords', 'mask', 'bbox_size'))
        names = (self.dataset_meta or {}).get('keypoint_id2name', {})
        accuracies, _, _ = keypoint_pck_accuracy(predicted, labeled, mask, self.thr, size.copy())
        self.joints = [
            JointError(str(names.get(k, k)), count := int(mask[:, k].sum()),
                       _if_any(count, keypoint_epe(*(each[:, k:k + 1] for each in (
                           predicted, labeled, mask)))), _if_any(count, accuracies[k]))
            for k in range(mask.shape[1])]
        metrics = super().compute_metrics(results)
        return {**metrics, 'EPE': keypoint_epe(predicted, labeled, mask)}


def _if_any(count: int, value: float) -> float:
    return float(value) if count else float('nan')
