"""Small networks to export, and the numbers of torch to compare with."""

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from rsn_mm.apis import optimize
from tests import golden
from tests.tools.tiny_run import CONFIG

#: (W, H) of the input.
SIZE_WH = (48, 64)


def tiny_config(**changes: object) -> Config:
    """The config of a network with 17 joints that runs in milliseconds."""
    cfg = Config.fromstring(CONFIG.replace('DATA_ROOT', "'.'"), '.py')
    # The unit with the fewest layers: an export takes as long as there are layers.
    cfg.merge_from_dict({'model.backbone.unit': 'basic', **changes})
    return cfg


def tiny_model(**changes: object):
    """The estimator of such a config, with weights that differ from layer to layer."""
    cfg = tiny_config(**changes)
    init_default_scope('mmpose')
    model = golden.fill(MODELS.build(cfg.model))
    model.cfg, model.dataset_meta = cfg, dataset_meta_from_config(cfg)
    return model


def images_of(batch: int, size_wh: tuple[int, int] = SIZE_WH, seed: int = 0) -> np.ndarray:
    """Smooth random images (B, 3, H, W) uint8."""
    coarse = torch.rand((batch, 3, 6, 5), generator=torch.Generator().manual_seed(seed)) * 255
    fine = torch.nn.functional.interpolate(coarse, size_wh[::-1], mode='bicubic')
    return fine.clamp(0, 255).byte().numpy()


def preprocessed(model, images: np.ndarray) -> Tensor:
    """What the model's own data preprocessor makes of images."""
    return model.data_preprocessor(dict(
        inputs=list(torch.from_numpy(images)),
        data_samples=[PoseDataSample() for _ in images]))['inputs']


def expected(model, images: np.ndarray, flip_test: bool
             ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heatmaps (B, K, h, w), keypoints (B, K, 2) and scores (B, K) that torch computes."""
    with torch.inference_mode():
        fast = optimize(model)
        inputs = preprocessed(model, images)
        heatmaps = fast.heatmaps(inputs)
        if flip_test:
            mirrored = fast.heatmaps(inputs.flip(-1)).flip(-1)
            heatmaps = (heatmaps + mirrored[:, model.dataset_meta['flip_indices']]) / 2
        return (heatmaps.numpy(), *(each.numpy() for each in model.head.decoder.locate(heatmaps)))
