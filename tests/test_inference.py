"""MMPose's own inference functions on a config of ours."""

from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmpose.apis import inference_topdown, init_model

import rsn_mm  # noqa: F401

CONFIG = Path(__file__).parents[1] / 'configs' / 'rsn' / 'rsn18_coco-256x192.py'


def test_inference_topdown_of_mmpose():
    cfg = Config.fromfile(CONFIG)
    cfg.model.backbone.num_blocks = (1, 1, 1, 1)
    torch.manual_seed(0)
    model = init_model(cfg, device='cpu')
    image = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    boxes = np.array([[10, 20, 110, 220], [100, 30, 220, 200]], dtype=np.float32)
    results = inference_topdown(model, image, boxes)
    assert len(results) == 2
    for result, box in zip(results, boxes):
        keypoints = result.pred_instances.keypoints
        assert keypoints.shape == (1, 17, 2)
        # Inside the extended box, grown to the input's aspect ratio.
        size = (box[2:] - box[:2]) * (1.09, 1.135)
        size = np.maximum(size, (size[1] * 3 / 4, size[0] * 4 / 3))
        assert (np.abs(keypoints - (box[2:] + box[:2]) / 2) <= size / 2 + 1e-3).all()
