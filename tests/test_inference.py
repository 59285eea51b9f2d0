"""MMPose's own inference functions on configs of ours."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import inference_topdown, init_model
from mmpose.apis.inferencers import Pose2DInferencer

from tests import golden

CONFIGS = Path(__file__).parents[1] / 'configs' / 'rsn'
TINY = {'model.backbone.num_blocks': (1, 1, 1, 1)}
IMAGE = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)


def config(name: str) -> Config:
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    cfg.merge_from_dict(TINY)
    return cfg


def test_inference_topdown():
    cfg = config('rsn18_coco-256x192')
    cfg.model.test_cfg.flip_test = False
    model = golden.fill(init_model(cfg, device='cpu'))
    seen = []
    model.backbone.register_forward_hook(lambda module, args, out: seen.append(out))
    box = np.array([[10, 20, 110, 220]], dtype=np.float32)
    result, = inference_topdown(model, IMAGE, box)
    # From the heatmaps into the image by hand: the extended box, grown to the input's ratio.
    with torch.no_grad():
        keypoints, scores = model.head.decoder.locate(model.head.forward_last(seen[0]))
    height = 200 * 1.135
    scale = np.array([height * 192 / 256, height])
    expected = keypoints[0].numpy() / [192, 256] * scale + [60, 120] - scale / 2
    np.testing.assert_allclose(result.pred_instances.keypoints[0], expected, atol=1e-3)
    np.testing.assert_allclose(result.pred_instances.keypoint_scores, scores, atol=1e-6)


@pytest.mark.parametrize('name', [
    'rsn18_coco-256x192', 'rsn18_mpii-256x256', 'rsn18_lsp-128x96', 'rsn18_synthetic-128x96'])
def test_inferencer(name):
    torch.manual_seed(0)
    inferencer = Pose2DInferencer(config(name), device='cpu', det_model='whole_image')
    people = next(inferencer(IMAGE))['predictions'][0]
    assert len(people) == 1
    assert len(people[0]['keypoints']) == inferencer.model.head.out_channels
