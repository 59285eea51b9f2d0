"""From a config and a checkpoint to a model that predicts."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.datasets.transforms import LoadImage
from mmpose.models import build_pose_estimator
from mmpose.models.pose_estimators import TopdownPoseEstimator

from rsn_mm.checkpoints.contents import meta_of, read_weights
from rsn_mm.checkpoints.fitting import check_fit, load_converted
from rsn_mm.errors import MissingFileError, OptionError, OptionTypeError
from rsn_mm.models import MultiStageRSNHead
from rsn_mm.models.configs import model_config
from rsn_mm.optimization import optimize


@dataclass(frozen=True)
class Loaded:
    """What predicts.

    Args:
        model: In its test-time form, on its device.
        dataset_meta: MMPose's: names of keypoints, skeleton, colors, flip indices.
        load_image: Reads an image.
        cut_out: Makes a sample of a box in it.
    """

    model: TopdownPoseEstimator
    dataset_meta: dict
    load_image: LoadImage
    cut_out: Compose


def load(config: str | Path | Config, checkpoint: str | Path, device: torch.device,
         dtype: torch.dtype | None, heatmaps: bool) -> Loaded:
    """Build the model of a config with the weights of a checkpoint.

    Args and errors are those of :class:`rsn_mm.apis.Predictor`.
    """
    cfg = _read_config(config)
    init_default_scope(cfg.get('default_scope') or 'mmpose')
    load_image, cut_out = _pipeline(cfg)
    estimator = _build(cfg, heatmaps)
    is_ours = isinstance(estimator.head, MultiStageRSNHead)
    weights, stored = read_weights(checkpoint)
    if is_ours:
        check_fit(estimator, weights, checkpoint)
        estimator.load_state_dict(weights)
    else:
        load_converted(estimator, weights, checkpoint)
    dataset_meta = _dataset_meta(cfg, meta_of(stored),
                                 estimator.head.out_channels if is_ours else None)
    # The test-time form depends on the device, so the model must be there first.
    return Loaded(_test_time_form(estimator.to(device), dtype), dataset_meta, load_image, cut_out)


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


def _build(cfg: Config, heatmaps: bool) -> TopdownPoseEstimator:
    model_cfg = model_config(cfg)
    model_cfg.test_cfg = {**(model_cfg.get('test_cfg') or {}), 'output_heatmaps': heatmaps}
    estimator = revert_sync_batchnorm(build_pose_estimator(model_cfg))
    if not isinstance(estimator, TopdownPoseEstimator) or not estimator.with_head:
        raise OptionTypeError(f'Predictor: the model is a {type(estimator).__name__}, expected a '
                              'TopdownPoseEstimator with a head')
    if heatmaps and not hasattr(estimator.head.decoder, 'heatmap_size'):
        raise OptionError('Predictor: heatmaps=True, but the model has the codec '
                          f'{type(estimator.head.decoder).__name__} and predicts no heatmaps')
    return estimator


def _test_time_form(estimator: TopdownPoseEstimator, dtype: torch.dtype | None
                    ) -> TopdownPoseEstimator:
    if type(estimator) is TopdownPoseEstimator and isinstance(estimator.head, MultiStageRSNHead):
        return optimize(estimator, dtype=dtype)
    if dtype not in (None, torch.float32):
        raise OptionError(f'Predictor: dtype={dtype}, but the model has the head '
                          f'{type(estimator.head).__name__}, which runs in torch.float32 only; '
                          'other types need MultiStageRSNHead')
    return estimator.eval().requires_grad_(False)


def _dataset_meta(cfg: Config, meta: dict, joints: int | None) -> dict:
    """The metainfo of the checkpoint or, without one, of the config's training data."""
    found = meta.get('dataset_meta') or dataset_meta_from_config(cfg)
    if not found:
        raise OptionError('Predictor: neither the checkpoint nor train_dataloader.dataset of the '
                          'config names the dataset, which defines the joints to swap in the '
                          'flip test')
    if joints is not None and found.get('num_keypoints') != joints:
        raise OptionError(f'Predictor: the dataset has {found.get("num_keypoints")} joints, the '
                          f'model out_channels={joints}')
    return found
