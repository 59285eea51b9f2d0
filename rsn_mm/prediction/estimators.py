"""Estimators of configs, with the weights of checkpoints."""

from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.models.pose_estimators import TopdownPoseEstimator

from rsn_mm.checkpoints.contents import meta_of, read_weights
from rsn_mm.checkpoints.fitting import check_fit

from .predictor import _build, _dataset_meta


def load_estimator(cfg: Config, checkpoint: str | Path) -> TopdownPoseEstimator:
    """Build the estimator of a config with the weights of a checkpoint, to be exported.

    As MMPose's ``init_model`` does, it sets the attributes ``cfg`` and ``dataset_meta``.

    Args and errors are those of :class:`rsn_mm.apis.Predictor`.
    """
    init_default_scope(cfg.get('default_scope') or 'mmpose')
    estimator = _build(cfg)
    weights, stored = read_weights(checkpoint)
    check_fit(estimator, weights, checkpoint)
    estimator.load_state_dict(weights)
    estimator.cfg = cfg
    estimator.dataset_meta = _dataset_meta(cfg, meta_of(stored), estimator.head.out_channels)
    return estimator
