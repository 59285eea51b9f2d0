"""From a config and a checkpoint to a model that predicts."""

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
from rsn_mm.configuration import check_values, explained, read_config
from rsn_mm.errors import OptionError, OptionTypeError
from rsn_mm.export.estimator import ExportedEstimator, in_runtime, is_exported_file
from rsn_mm.models import MultiStageRSNHead
from rsn_mm.models.configs import model_config
from rsn_mm.optimization import optimize
from rsn_mm.zoo import POSE, Files, get_model, is_model_name

#: The runtime of the checkpoints themselves.
TORCH = 'torch'


@dataclass(frozen=True)
class Loaded:
    """What predicts.

    Args:
        model: In its test-time form, on its device.
        dataset_meta: MMPose's: names of keypoints, skeleton, colors, flip indices.
        load_image: Reads an image.
        cut_out: Makes a sample of a box in it.
        has_our_head: Whether the head is a ``MultiStageRSNHead``.
        knows_whole_images: Whether the network was trained on whole images, as the entry
            ``whole_image`` of the config says.
    """

    model: TopdownPoseEstimator | ExportedEstimator
    dataset_meta: dict
    load_image: LoadImage
    cut_out: Compose
    has_our_head: bool
    knows_whole_images: bool


def load(config: str | Path | Config, checkpoint: str | Path | None, device: torch.device,
         dtype: torch.dtype | None, heatmaps: bool, runtime: str) -> Loaded:
    """Build the model of a config with the weights of a checkpoint.

    Args and errors are those of :class:`rsn_mm.apis.Predictor`.
    """
    if checkpoint is None:
        config, checkpoint = _files_of(config)
    cfg = config if isinstance(config, Config) else read_config(config)
    check_values(cfg)
    init_default_scope(cfg.get('default_scope') or 'mmpose')
    load_image, cut_out = _pipeline(cfg)
    estimator = _build(cfg, heatmaps)
    file = checkpoint if is_exported_file(checkpoint) else None
    meta = {} if file else _load_weights(estimator, checkpoint)
    dataset_meta = _dataset_meta(cfg, meta, estimator)
    if runtime != TORCH:
        model = in_runtime(estimator, runtime, file, device=str(device), dtype=dtype, config=cfg,
                           dataset_meta=dataset_meta)
    elif file is not None:
        raise OptionError(f'{file} is an exported file, which needs another runtime than torch')
    else:
        # The test-time form depends on the device, so the model must be there first.
        model = _test_time_form(estimator.to(device), dtype)
    return Loaded(model, dataset_meta, load_image, cut_out, _has_our_head(estimator),
                  bool(cfg.get('whole_image')))


def _files_of(name: str | Path | Config) -> Files:
    if isinstance(name, Config) or not is_model_name(name):
        shown = name.filename if isinstance(name, Config) else name
        raise OptionError(f'Predictor: config {shown} needs a checkpoint; only models that '
                          'rsn-mm models lists come with one')
    return get_model(str(name), POSE)


def load_estimator(cfg: Config, checkpoint: str | Path) -> TopdownPoseEstimator:
    """Build the estimator of a config with the weights of a checkpoint, to be exported.

    As MMPose's ``init_model`` does, it sets the attributes ``cfg`` and ``dataset_meta``.

    Args and errors are those of :class:`rsn_mm.apis.Predictor`.
    """
    init_default_scope(cfg.get('default_scope') or 'mmpose')
    estimator = _build(cfg, heatmaps=False)
    meta = _load_weights(estimator, checkpoint)
    estimator.cfg = cfg
    estimator.dataset_meta = _dataset_meta(cfg, meta, estimator)
    return estimator


def _has_our_head(estimator: TopdownPoseEstimator) -> bool:
    return isinstance(estimator.head, MultiStageRSNHead)


def _load_weights(estimator: TopdownPoseEstimator, checkpoint: str | Path) -> dict:
    """Load the weights of a checkpoint, which must be exactly the model's; returns its metadata."""
    weights, stored = read_weights(checkpoint)
    if _has_our_head(estimator):
        check_fit(estimator, weights, checkpoint)
        estimator.load_state_dict(weights)
    else:
        load_converted(estimator, weights, checkpoint)
    return meta_of(stored)


def _pipeline(cfg: Config) -> tuple[LoadImage, Compose]:
    """The transform that reads an image, and the rest, which makes a sample of a box in it."""
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    if 'pipeline' not in dataset:
        raise OptionError('Predictor: the config has no test_dataloader.dataset.pipeline')
    with explained(cfg):
        load, *cut_out = Compose(dataset['pipeline']).transforms
    if not isinstance(load, LoadImage):
        raise OptionError(f'Predictor: the test pipeline begins with {type(load).__name__}, '
                          'expected LoadImage')
    return load, Compose(cut_out)


def _build(cfg: Config, heatmaps: bool) -> TopdownPoseEstimator:
    model_cfg = model_config(cfg)
    model_cfg.test_cfg = {**(model_cfg.get('test_cfg') or {}), 'output_heatmaps': heatmaps}
    # With a text, Config does not read the file, which may be gone.
    with explained(Config(dict(model=model_cfg, default_scope=cfg.get('default_scope')),
                          cfg_text=cfg.text or '\n', filename=cfg.filename)):
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
    if type(estimator) is TopdownPoseEstimator and _has_our_head(estimator):
        return optimize(estimator, dtype=dtype)
    if dtype not in (None, torch.float32):
        raise OptionError(f'Predictor: dtype={dtype}, but the model has the head '
                          f'{type(estimator.head).__name__}, which runs in torch.float32 only; '
                          'other types need MultiStageRSNHead')
    return estimator.eval().requires_grad_(False)


def _dataset_meta(cfg: Config, meta: dict, estimator: TopdownPoseEstimator) -> dict:
    """The metainfo of the checkpoint or, without one, of the config's training data."""
    found = meta.get('dataset_meta') or dataset_meta_from_config(cfg)
    if not found:
        raise OptionError('Predictor: neither the checkpoint nor train_dataloader.dataset of the '
                          'config names the dataset, which defines the joints to swap in the '
                          'flip test')
    if _has_our_head(estimator) and found.get('num_keypoints') != estimator.head.out_channels:
        raise OptionError(f'Predictor: the dataset has {found.get("num_keypoints")} joints, the '
                          f'model out_channels={estimator.head.out_channels}')
    return found
