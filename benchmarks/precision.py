"""How far the test-time forms of a trained network move its keypoints."""

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS

from rsn_mm.apis import optimize
from rsn_mm.checkpoints.fitting import load_strictly
from rsn_mm.models.configs import model_config

from .machine import forms_on

QUANTILES = (0.5, 0.9, 0.99, 1.)


def keypoint_shifts(data_config: str, checkpoint: str,
                    device: torch.device) -> dict[str, np.ndarray]:
    """Distances of each form's keypoints from the plain estimator's, in input pixels, flat.

    Args:
        data_config: Path of the config with the model and the test data.
        checkpoint: Path of a checkpoint of that model.
        device: Device of the model.
    """
    cfg = Config.fromfile(data_config)
    init_default_scope(cfg.default_scope)
    plain = MODELS.build(model_config(cfg))
    load_strictly(plain, checkpoint)
    plain.to(device).eval()
    forms = {name: optimize(plain, dtype=dtype) for name, dtype in forms_on(device).items()}
    shifts: dict[str, list[np.ndarray]] = {name: [] for name in forms}
    for batch in Runner.build_dataloader(cfg.test_dataloader):
        expected = _keypoints(plain, batch)
        for name, model in forms.items():
            shifts[name].append(np.linalg.norm(_keypoints(model, batch) - expected, axis=-1))
    return {name: np.concatenate(values).ravel() for name, values in shifts.items()}


def _keypoints(model: TopdownPoseEstimator, batch: dict) -> np.ndarray:
    """(B, K, 2), input pixels."""
    data = model.data_preprocessor(batch, False)
    samples = [sample.clone() for sample in data['data_samples']]
    with torch.no_grad():
        results = model.predict(data['inputs'], samples)
    return np.concatenate([
        result.pred_instances.keypoints
        * (np.array(result.metainfo['input_size']) / result.metainfo['input_scale'])
        for result in results])
