"""Our parts in configs of MMPose and mmdet and theirs in ours: a training step, a prediction."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmengine.structures import InstanceData
from mmpose.registry import MODELS, TRANSFORMS

import rsn_mm  # noqa: F401

MIXING = Path(__file__).parents[1] / 'configs' / 'mixing'


def packed(pipeline: list[dict], seed: int) -> dict:
    """One drawn person through the last steps of a pipeline, from the affine on."""
    rng = np.random.default_rng(seed)
    joints = rng.uniform(40, 200, (1, 17, 2)).astype(np.float32)
    sample = dict(
        img=rng.integers(0, 255, (260, 240, 3), np.uint8), img_path='drawn.jpg', id=seed,
        img_id=seed, img_shape=(260, 240), ori_shape=(260, 240), category_id=1,
        bbox=np.array([[30, 30, 210, 210]], np.float32), bbox_score=np.ones(1, np.float32),
        bbox_center=np.array([[120, 120]], np.float32),
        bbox_scale=np.array([[192, 256]], np.float32),
        keypoints=joints, keypoints_visible=np.full((1, 17), 2, np.float32),
        flip_indices=list(range(17)))
    names = [step['type'] for step in pipeline]
    for step in pipeline[names.index('TopdownAffine'):]:
        sample = TRANSFORMS.build(step).transform(sample)
    return sample


def shrink(model: dict) -> None:
    """The same structure with less to compute, without a download."""
    if model.backbone.type != 'HRNet':
        model.backbone.num_blocks = [1, 1, 1, 1]
    model.backbone.pop('init_cfg', None)


@pytest.mark.parametrize('name', [
    'rsn18-heatmaphead_coco-256x192', 'mmpose-rsn50_coco-256x192', 'mmpose-mspn50_coco-256x192',
    'hrnet-w32-rsncodec_coco-256x192', 'rsn18-mspnhead_coco-256x192',
])
def test_pose_estimators(name):
    set_random_seed(0)
    cfg = Config.fromfile(MIXING / f'{name}.py')
    init_default_scope('mmpose')
    shrink(cfg.model)
    model = MODELS.build(cfg.model)
    model.init_weights()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)

    def batch(pipeline):
        samples = [packed(pipeline, seed) for seed in range(2)]
        return dict(inputs=[s['inputs'] for s in samples],
                    data_samples=[s['data_samples'] for s in samples])

    train = model.data_preprocessor(batch(cfg.train_pipeline), training=True)
    losses = model.loss(**train)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None]
    optimizer.step()

    model.eval()
    test = model.data_preprocessor(batch(cfg.val_pipeline), training=False)
    with torch.no_grad():
        results = model.predict(**test)
    for result in results:
        assert result.pred_instances.keypoints.shape == (1, 17, 2)
        assert np.isfinite(result.pred_instances.keypoints).all()


@pytest.mark.parametrize('name', [
    'retinanet_rsn18-fpn_1x_coco', 'rtmdet-tiny_rsn18_8xb32-300e_coco',
    'yolox-tiny_rsn18_8xb8-300e_coco',
])
def test_detectors(name):
    set_random_seed(0)
    cfg = Config.fromfile(MIXING / f'{name}.py')
    init_default_scope('mmdet')
    shrink(cfg.model)
    from mmdet.registry import MODELS as MMDET_MODELS
    # The recipe of RTMDet synchronizes norms over GPUs.
    model = revert_sync_batchnorm(MMDET_MODELS.build(cfg.model))
    model.init_weights()
    sample = DetDataSample(metainfo=dict(
        img_shape=(128, 128), ori_shape=(128, 128), pad_shape=(128, 128), batch_input_shape=(
            128, 128), scale_factor=(1., 1.)))
    sample.gt_instances = InstanceData(
        bboxes=torch.tensor([[20., 20., 90., 100.]]), labels=torch.tensor([0]))
    inputs = torch.randn(1, 3, 128, 128)
    total, _ = model.parse_losses(model.loss(inputs, [sample]))
    total.backward()
    assert not [n for n, p in model.backbone.named_parameters() if p.grad is None]
    model.eval()
    for layer, module in model.bbox_head.named_modules():
        if isinstance(module, torch.nn.Conv2d) and ('cls' in layer or 'obj' in layer):
            if module.bias is not None:
                module.bias.data.fill_(0)  # scores above the threshold: boxes to suppress
    with torch.no_grad():
        found = model.predict(inputs, [sample])[0].pred_instances
    assert 0 < len(found.bboxes) <= model.test_cfg.get('max_per_img', 336)
    assert found.bboxes.shape[1] == 4
    init_default_scope('mmpose')
