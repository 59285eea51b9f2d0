"""Estimators of configs, with the weights of checkpoints."""

from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.models.pose_estimators import TopdownPoseEstimator

from .predictor import _build, _dataset_meta, load_weights


def load_estimator(cfg: Config, checkpoint: str | Path) -> TopdownPoseEstimator:
    """Build the estimator of a config with the weights of a checkpoint, to be exported.

    As MMPose's ``init_model`` does, it sets the attributes ``cfg`` and ``dataset_meta``.

    Args and errors are those of :class:`rsn_mm.apis.Predictor`.
    """
    init_default_scope(cfg.get('default_scope') or 'mmpose')
    estimator = _build(cfg)
    meta = load_weights(estimator, checkpoint)
    estimator.cfg = cfg
    estimator.dataset_meta = _dataset_meta(cfg, meta, estimator.head.out_channels)
    return estimator
