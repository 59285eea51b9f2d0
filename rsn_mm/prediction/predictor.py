"""Predicts the keypoints of people in photographs."""

import os
import warnings
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.datasets.transforms import LoadImage
from mmpose.models import build_pose_estimator
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.structures import PoseDataSample

from rsn_mm.checkpoints.contents import meta_of, read_weights
from rsn_mm.checkpoints.fitting import check_fit
from rsn_mm.errors import MissingFileError, OptionError, OptionTypeError
from rsn_mm.export.estimator import in_runtime, is_exported_file
from rsn_mm.models import MultiStageRSNHead
from rsn_mm.models.configs import model_config
from rsn_mm.optimization import optimize

from .inputs import Boxes, Image, as_boxes, as_images, inside

#: The runtime of the checkpoints themselves.
TORCH = 'torch'
#: The index of an image, and the sample of one box in it.
Crop = tuple[int, dict]


class Predictor:
    """Predicts the keypoints of people in boxes, with the model in its test-time form.

    Boxes are extended, cut out and normalized by the test pipeline of the config, and the flip test
    is done if the config says so. The results are those of ``mmpose.apis.inference_topdown`` up to
    rounding. The people of several images share batches, and only coordinates leave the device.

    Example:
        >>> from rsn_mm.apis import Predictor
        >>> predictor = Predictor('config.py', 'checkpoint.pth')  # doctest: +SKIP
        >>> people, = predictor('photo.jpg', [[10, 20, 110, 320]])  # doctest: +SKIP
        >>> people.keypoints.shape  # doctest: +SKIP
        (1, 17, 2)

    Args:
        config: Path of a config file, or a config.
        checkpoint: File with exactly the weights of the config's model. It is read as weights only.
            Checkpoints of other code must be converted first, see :mod:`rsn_mm.conversion`. With
            another runtime than torch it may also be a file of
            :func:`~rsn_mm.export.files.export_onnx`; whether there is a flip test then depends on
            the file.
        device: Device of the model; by default the GPU if there is one, and the CPU in another
            runtime than torch.
        dtype: ``torch.float32``, ``torch.bfloat16`` or, on a GPU, ``torch.float16``, see
            :func:`optimize`. In OpenVINO the default is float32, and in ONNX Runtime there is no
            other.
        runtime: What computes: ``'torch'``, ``'onnxruntime'`` or ``'openvino'``. The keypoints are
            the same up to rounding.

    Raises:
        MissingFileError: If the config does not exist.
        CheckpointError: If the checkpoint does not exist, cannot be read, or does not fit the
            config's model.
        OptionTypeError: If the model is not one that :func:`optimize` takes.
        OptionError: If the config has no test pipeline, or the dataset of the checkpoint has
            another number of joints than the model, or the runtime has no such device or type.
        ExportError: If an exported file cannot be read, or does not fit the config.
        StackError: If the runtime is not installed.
    """

    dataset_meta: dict  #: MMPose's: names of keypoints, skeleton, colors, flip indices
    model: Any  #: an ``OptimizedEstimator``, or an ``ExportedEstimator`` in another runtime
    device: torch.device

    def __init__(self, config: str | Path | Config, checkpoint: str | Path,
                 device: str | torch.device | None = None,
                 dtype: torch.dtype | None = None, runtime: str = TORCH) -> None:
        cfg = _read_config(config)
        init_default_scope(cfg.get('default_scope') or 'mmpose')
        self._load_image, self._cut_out = _pipeline(cfg)
        self._knows_whole_images = bool(cfg.get('whole_image'))
        estimator = _build(cfg)
        file = checkpoint if is_exported_file(checkpoint) else None
        meta = {} if file else load_weights(estimator, checkpoint)
        self.dataset_meta = _dataset_meta(cfg, meta, estimator.head.out_channels)
        on_gpu = runtime == TORCH and torch.cuda.is_available()
        self.device = torch.device(device or ('cuda' if on_gpu else 'cpu'))
        if runtime != TORCH:
            self.model = in_runtime(
                estimator, runtime, file, device=str(self.device), dtype=dtype, config=cfg,
                dataset_meta=self.dataset_meta)
            return
        if file is not None:
            raise OptionError(f'{file} is an exported file, which needs another runtime than torch')
        # The test-time form depends on the device, so the model must be there first.
        self.model = optimize(estimator.to(self.device), dtype=dtype)

    def __call__(self, images: Image | Sequence[Image],
                 boxes_xyxy: Boxes | Sequence[Boxes] = None,
                 batch_size: int = 32) -> list[InstanceData]:
        """Predict the keypoints of the people in images.

        Args:
            images: A path, an array (H, W, 3) uint8 in BGR as OpenCV reads it, or a list of these.
            boxes_xyxy: For each image the boxes of its people: (N, 4) x1, y1, x2, y2 in image
                pixels, (N, 5) with a score as the last column, or ``None`` for the whole image. The
                boxes of a single image need not be in a list. ``None`` alone is the whole image
                for every image.
            batch_size: Number of people in a batch. With the flip test, the network sees twice as
                many images.

        Returns:
            For each image its people in the order of the boxes, as float32 NumPy arrays:
            ``keypoints`` (N, K, 2) x, y in image pixels, ``keypoint_scores`` (N, K),
            ``bboxes_xyxy`` (N, 4) as given, and ``scores`` (N, ), the score of the box times the
            mean score of the joints. N may be 0.

        Raises:
            MissingFileError: If an image does not exist.
            OptionTypeError, OptionError: If an image or a box cannot be used. The message names it.
        """
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise OptionError(f'batch_size={batch_size!r}, expected a positive integer')
        images = as_images(images)
        boxes = as_boxes(boxes_xyxy, len(images))
        if not self._knows_whole_images and any(each is None for each in boxes):
            self._knows_whole_images = True  # now the user knows
            warnings.warn('Predictor: whole images without boxes, but the network was trained on '
                          'boxes: joints may be far off, whatever their scores are. Give boxes, or '
                          'train on whole images (docs/custom.md).', stacklevel=2)
        people: list[list[InstanceData]] = [[] for _ in images]
        crops = self._crops(images, boxes)
        while batch := list(islice(crops, batch_size)):
            for (image, _), sample in zip(batch, self._predict([crop for _, crop in batch])):
                people[image].append(sample.pred_instances)
        return [self._gather(each) for each in people]

    def crop(self, image: Image, box_xyxy: Sequence[float] | np.ndarray | None = None) -> dict:
        """Return what the network gets for one box.

        Args:
            image: A path, or an array (H, W, 3) uint8 in BGR.
            box_xyxy: (4, ) in image pixels, or ``None`` for the whole image.

        Returns:
            ``inputs``, the crop (3, H, W) uint8, and ``data_samples``, where it lies in the image.

        Raises:
            MissingFileError: If the image does not exist.
            OptionTypeError, OptionError: If the image or the box cannot be used.
        """
        boxes = as_boxes(None if box_xyxy is None else [box_xyxy], 1)
        (_, sample), = self._crops(as_images(image), boxes)
        return sample

    def _crops(self, images: list[str | np.ndarray],
               boxes: list[np.ndarray | None]) -> Iterator[Crop]:
        """Cut the boxes out of the images, reading one image at a time."""
        for i, (image, given) in enumerate(zip(images, boxes)):
            loaded = self._load_image(
                dict(img_path=image) if isinstance(image, str) else dict(img=image))
            for box in inside(i, given, loaded['img'].shape[:2]):
                yield i, self._cut_out({
                    **loaded, 'bbox': box[None, :4], 'bbox_score': box[4:], **self.dataset_meta})

    @torch.inference_mode()
    def _predict(self, crops: list[dict]) -> list[PoseDataSample]:
        return self.model.test_step(pseudo_collate(crops))

    def _gather(self, people: list[InstanceData]) -> InstanceData:
        """One entry with all people of an image."""
        chosen = self.model.test_cfg.get('output_keypoint_indices')
        joints = self.dataset_meta['num_keypoints'] if chosen is None else len(chosen)
        # The empty arrays give the shapes if there is nobody.
        keypoints, joint_scores, boxes, box_scores = (
            np.concatenate([np.zeros((0, *shape), np.float32), *(p[name] for p in people)])
            for name, shape in (('keypoints', (joints, 2)), ('keypoint_scores', (joints, )),
                                ('bboxes', (4, )), ('bbox_scores', ())))
        return InstanceData(
            keypoints=keypoints.astype(np.float32),
            keypoint_scores=joint_scores.astype(np.float32), bboxes_xyxy=boxes,
            scores=(box_scores * joint_scores.mean(axis=1)).astype(np.float32))


def _read_config(config: str | Path | Config) -> Config:
    if isinstance(config, Config):
        return config
    if not os.path.isfile(config):
        raise MissingFileError(f'config {config} does not exist')
    return Config.fromfile(config)


def _pipeline(cfg: Config) -> tuple[LoadImage, Compose]:
    """The transform that reads an image, and the rest, which makes a sample of a box in it."""
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    if 'pipeline' not in dataset:
        raise OptionError('Predictor: the config has no test_dataloader.dataset.pipeline')
    load, *cut_out = Compose(dataset['pipeline']).transforms
    if not isinstance(load, LoadImage):
        raise OptionError(f'Predictor: the test pipeline begins with {type(load).__name__}, '
                          'expected LoadImage')
    return load, Compose(cut_out)


def _build(cfg: Config) -> TopdownPoseEstimator:
    model_cfg = model_config(cfg)
    model_cfg.test_cfg = {**(model_cfg.get('test_cfg') or {}), 'output_heatmaps': False}
    estimator = revert_sync_batchnorm(build_pose_estimator(model_cfg))
    head = getattr(estimator, 'head', None)
    if type(estimator) is not TopdownPoseEstimator or not isinstance(head, MultiStageRSNHead):
        raise OptionTypeError(f'Predictor: the model is a {type(estimator).__name__} with the head '
                              f'{type(head).__name__}, expected TopdownPoseEstimator and '
                              'MultiStageRSNHead')
    return estimator


def load_weights(estimator: TopdownPoseEstimator, checkpoint: str | Path) -> dict:
    """Load the weights of a checkpoint, which must be exactly the model's; returns its metadata.

    Raises:
        CheckpointError: If the checkpoint cannot be read or does not fit.
    """
    weights, stored = read_weights(checkpoint)
    check_fit(estimator, weights, checkpoint)
    estimator.load_state_dict(weights)
    return meta_of(stored)


def _dataset_meta(cfg: Config, meta: dict, joints: int) -> dict:
    """The metainfo of the checkpoint or, without one, of the config's training data."""
    found = meta.get('dataset_meta') or dataset_meta_from_config(cfg)
    if not found:
        raise OptionError('Predictor: neither the checkpoint nor train_dataloader.dataset of the '
                          'config names the dataset, which defines the joints to swap in the '
                          'flip test')
    if found.get('num_keypoints') != joints:
        raise OptionError(f'Predictor: the dataset has {found.get("num_keypoints")} joints, the '
                          f'model out_channels={joints}')
    return found
