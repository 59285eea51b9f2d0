"""An estimator whose network is an exported file."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData, PixelData
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.structures import PoseDataSample
from torch import Tensor

from rsn_mm.codecs import RSNHeatmap
from rsn_mm.errors import ExportError, OptionError
from rsn_mm.files import FilePath

from .files import prepare, to_onnx
from .sessions import Content, Session, open_session

#: How the names of exported files end that a runtime other than torch reads.
FILE_ENDINGS = ('.onnx', '.xml')


class ExportedEstimator:
    """Predicts samples as an estimator does, with a runtime other than torch.

    Args:
        session: The exported file.
        codec: The codec of the config; it decodes the heatmaps of files that give heatmaps.
        test_cfg: Of the config: ``output_keypoint_indices`` selects joints, ``output_heatmaps``
            adds the heatmaps. Whether there is a flip test depends on the file alone.

    Raises:
        ExportError: If the file has another input size than the codec.
        OptionError: If heatmaps are asked for, and the file gives keypoints.
    """

    def __init__(self, session: Session, codec: RSNHeatmap, test_cfg: Mapping | None = None
                 ) -> None:
        self.session = session
        self.codec = codec
        self.test_cfg = dict(test_cfg or {})
        metadata = session.metadata
        if metadata.input_size != codec.input_size:
            raise ExportError(f'{session.name} has the input size {metadata.input_size}, the '
                              f'config {codec.input_size}')
        if self.test_cfg.get('output_heatmaps') and metadata.output != 'heatmaps':
            raise OptionError(f'{session.name} gives no heatmaps; export the network with '
                              "output='heatmaps'")

    def test_step(self, data: dict) -> list[PoseDataSample]:
        """Predict the keypoints of samples, as ``test_step`` of MMPose's estimators does.

        Args:
            data: ``inputs``, a list of crops (3, H, W) uint8, and ``data_samples``.
        """
        outputs = self.session(self.prepare([image.numpy() for image in data['inputs']]))
        heatmaps = torch.from_numpy(outputs['heatmaps']) if 'heatmaps' in outputs else None
        if heatmaps is None:
            keypoints, scores = outputs['keypoints'], outputs['scores']
        else:
            keypoints, scores = (each.numpy() for each in self.codec.locate(heatmaps))
        instances = [InstanceData(keypoints=points[None], keypoint_scores=each[None])
                     for points, each in zip(keypoints, scores)]
        # The method needs no more of an estimator than its `test_cfg`.
        estimator: Any = self
        return TopdownPoseEstimator.add_pred_to_datasample(
            estimator, instances, self._fields(heatmaps), data['data_samples'])

    def _fields(self, heatmaps: Tensor | None) -> list[PixelData] | None:
        if heatmaps is None or not self.test_cfg.get('output_heatmaps'):
            return None
        return [PixelData(heatmaps=each) for each in heatmaps]

    def prepare(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """The crops, each (3, H, W) uint8 in BGR, as the file takes them, (B, 3, H, W)."""
        images = np.stack(crops)
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


def is_exported_file(path: FilePath) -> bool:
    """Whether a path is that of an exported file, by its name."""
    return os.fspath(path).endswith(FILE_ENDINGS)


def in_runtime(model: TopdownPoseEstimator, runtime: str, file: FilePath | None = None, *,
               device: str = 'cpu', dtype: torch.dtype | None = None,
               config: Config | None = None, dataset_meta: Mapping | None = None
               ) -> ExportedEstimator:
    """Put the network of an estimator into another runtime.

    Args:
        model: The estimator, with its weights unless there is a file.
        runtime: ``'onnxruntime'`` or ``'openvino'``.
        file: A file that this package exported, with the network to run; without it, the network
            is that of the model, exported in memory.
        device: Device of the runtime.
        dtype: Type to compute in, by default ``torch.float32``.
        config: The config, see :func:`~rsn_mm.export.files.prepare`.
        dataset_meta: MMPose's description of the dataset.

    Raises:
        OptionError, OptionTypeError, MissingFileError, ExportError, MissingPackageError: See
            :func:`~rsn_mm.export.files.export_onnx`, :class:`~rsn_mm.export.sessions.Session` and
            :class:`ExportedEstimator`.
    """
    dtype = dtype or torch.float32
    if file is None:
        output = 'heatmaps' if model.test_cfg.get('output_heatmaps') else 'keypoints'
        network, metadata = prepare(
            model, output=output, config=config, dataset_meta=dataset_meta)
        content = Content(to_onnx(network, metadata).SerializeToString())
        session = open_session(content, runtime, device, dtype)
    else:
        session = open_session(file, runtime, device, dtype)
    joints = len(session.metadata.keypoints)
    if joints != model.head.out_channels:
        raise ExportError(f'{session.name} predicts {joints} joints, the model of the config has '
                          f'out_channels={model.head.out_channels}')
    return ExportedEstimator(session, model.head.decoder, model.test_cfg)
