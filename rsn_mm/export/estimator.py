"""An estimator whose network is an exported file."""

from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.structures import PoseDataSample

from rsn_mm.codecs import RSNHeatmap

from .sessions import Session


class ExportedEstimator:
    """Predicts samples as an estimator does, with a runtime other than torch.

    Args:
        session: The exported file.
        codec: The codec of the config; it decodes the heatmaps of files that give heatmaps.
        test_cfg: Of the config; ``output_keypoint_indices`` selects joints.
    """

    def __init__(self, session: Session, codec: RSNHeatmap, test_cfg: dict | None = None) -> None:
        self.session = session
        self.codec = codec
        self.test_cfg = dict(test_cfg or {})

    @property
    def num_joints(self) -> int:
        """Number of joints that the file predicts."""
        return len(self.session.metadata.keypoints)

    def test_step(self, data: dict) -> list[PoseDataSample]:
        """Predict the keypoints of samples, as ``test_step`` of MMPose's estimators does.

        Args:
            data: ``inputs``, a list of crops (3, H, W) uint8, and ``data_samples``.
        """
        outputs = self.session(self._prepare(torch.stack(list(data['inputs'])).numpy()))
        if 'heatmaps' in outputs:
            keypoints, scores = (
                each.numpy() for each in self.codec.locate(torch.from_numpy(outputs['heatmaps'])))
        else:
            keypoints, scores = outputs['keypoints'], outputs['scores']
        instances = [InstanceData(keypoints=points[None], keypoint_scores=each[None])
                     for points, each in zip(keypoints, scores)]
        # The method needs no more of an estimator than its `test_cfg`.
        estimator: Any = self
        return TopdownPoseEstimator.add_pred_to_datasample(
            estimator, instances, None, data['data_samples'])

    def _prepare(self, images: np.ndarray) -> np.ndarray:
        """The crops (B, 3, H, W) in BGR as the file needs them."""
        metadata = self.session.metadata
        if metadata.color_order == 'RGB':
            images = images[:, ::-1]
        if metadata.input_type == 'float32':
            images = images.astype(np.float32)
            if not metadata.normalize:
                mean, std = (np.array(each, np.float32)[:, None, None]
                             for each in (metadata.mean, metadata.std))
                images = (images - mean) / std
        return images
