"""The test-time form predicts what the plain estimator predicts."""

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from rsn_mm.apis import optimize
from rsn_mm.errors import OptionError
from rsn_mm.models.units import BasicUnit
from rsn_mm.optimization import estimator as optimization
from rsn_mm.optimization.bfloat16 import SumInFloat32
from rsn_mm.optimization.packed_conv import PackedConv
from tests import golden

FLIP_INDICES = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
BACKBONE = dict(type='rsn_mm.RSN', depth=18, num_blocks=(1, 2, 1, 1))


def estimator(stages: int = 2, flip: bool = True, **head):
    init_default_scope('mmpose')
    model = MODELS.build(Config(dict(model=dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(type='PoseDataPreprocessor'),
        backbone=dict(BACKBONE, num_stages=stages),
        head=dict(type='rsn_mm.MultiStageRSNHead', num_stages=stages, out_channels=17,
                  decoder=dict(type='rsn_mm.RSNHeatmap', input_size=(96, 128)), **head),
        test_cfg=dict(flip_test=flip, output_heatmaps=True)))).model)
    return golden.fill(model)


def batch(count: int = 3):
    from mmengine.structures import InstanceData
    from mmpose.structures import PoseDataSample
    samples = []
    for _ in range(count):
        sample = PoseDataSample(metainfo=dict(
            flip_indices=FLIP_INDICES, input_center=np.array([50., 60.]),
            input_scale=np.array([60., 80.]), input_size=(96, 128)))
        sample.gt_instances = InstanceData(
            bboxes=np.zeros((1, 4)), bbox_scores=np.ones(1))
        samples.append(sample)
    inputs = torch.randn(count, 3, 128, 96, generator=torch.Generator().manual_seed(0)) * 50
    return inputs, samples


def heatmaps(model, **kwargs):
    inputs, samples = batch(**kwargs)
    with torch.no_grad():
        results = model.predict(inputs, samples)
    return (torch.stack([r.pred_fields.heatmaps for r in results]),
            np.concatenate([r.pred_instances.keypoints for r in results]))


@pytest.mark.parametrize('options', [
    dict(stages=1), dict(stages=3), dict(flip=False), dict(prm=dict(position='feature')),
    dict(prm=dict(position='heatmap')),
])
def test_predicts_the_same(options):
    model = estimator(**options)
    before = copy.deepcopy(model.state_dict())
    expected, keypoints = heatmaps(model)
    found, fast_keypoints = heatmaps(optimize(model))
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
    np.testing.assert_allclose(fast_keypoints, keypoints, atol=1e-2)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert type(model).__name__ == 'TopdownPoseEstimator'


def test_no_batch_norm_is_left():
    fast = optimize(estimator())
    assert not [m for m in fast.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]


def test_computes_one_head_and_one_forward():
    fast = optimize(estimator())
    calls = []
    fast.backbone.register_forward_hook(lambda *_: calls.append('backbone'))
    for s, predictors in enumerate(fast.head.predictors):
        for u, predictor in enumerate(predictors):
            predictor.register_forward_hook(lambda *_, key=(s, u): calls.append(key))
    heatmaps(fast)
    assert calls == ['backbone', (1, 3)]


@pytest.mark.parametrize('images_per_thread, expected', [
    (1, [2, 2, 1]), (0.1, [1] * 5), (2.5, [5]), (100, [5])])
def test_a_processor_takes_as_many_images_at_a_time_as_its_cache_holds(
        monkeypatch, images_per_thread, expected):
    monkeypatch.setattr(optimization, 'PIXELS_PER_THREAD', images_per_thread * 128 * 96)
    monkeypatch.setattr(torch, 'get_num_threads', lambda: 2)
    fast, sizes = optimize(estimator(stages=1)), []
    inputs, _ = batch(count=5)
    with torch.no_grad():
        whole = fast._compute_heatmaps(inputs)
        fast.backbone.register_forward_hook(lambda _, args, __: sizes.append(len(args[0])))
        found = fast.heatmaps(inputs)
    assert sizes == expected
    assert (found - whole).abs().max() <= 1e-5 * whole.abs().max()


@pytest.mark.parametrize('threads, count, expected', [(1, 3, [1, 1, 1]), (2, 5, [2, 2, 1]),
                                                      (64, 3, [3])])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_an_image_per_thread_where_features_are_largest(
        monkeypatch, threads, count, expected, dtype):
    model, sizes = estimator(stages=1, prm=dict(position='feature')), {'stem': [], 'head': []}
    fast = optimize(model, dtype=dtype)
    inputs, _ = batch(count=count)
    whole = torch.cat([fast.heatmaps(image[None]) for image in inputs])
    monkeypatch.setattr(torch, 'get_num_threads', lambda: threads)
    for name, module in (('stem', fast.backbone.stem), ('head', fast.head.predictors[-1][-1])):
        module.module.register_forward_hook(
            lambda _, args, __, name=name: sizes[name].append(len(args[0])))
    found = fast.heatmaps(inputs)
    assert sizes == {'stem': expected, 'head': expected}
    assert (found - whole).abs().max() <= (
        1e-5 if dtype == torch.float32 else 2e-2) * whole.abs().max()


def test_bfloat16_stays_near():
    model = estimator()
    expected, _ = heatmaps(model)
    fast = optimize(model, dtype=torch.bfloat16)
    found, _ = heatmaps(fast)
    assert found.dtype == torch.float32
    assert 1e-6 < (found - expected).abs().max() / expected.abs().max() <= 0.05


@pytest.mark.parametrize('head', [dict(), dict(prm=dict(position='heatmap'))])
def test_what_stays_float32_next_to_bfloat16(head):
    model = estimator(stages=2, **head)
    fast = optimize(model, dtype=torch.bfloat16)
    last = 'head.predictors.1.3.module.'
    kept = ('backbone.stem.', f'{last}heatmap.', f'{last}refine.')
    for name, parameter in fast.named_parameters():
        is_exact = name.startswith(kept) or name.endswith('.bias')
        expected = torch.float32 if is_exact else torch.bfloat16
        assert parameter.dtype == expected, name
    # Never rounded in between.
    exact = dict(optimize(model).named_parameters())
    stem = {name: p for name, p in fast.named_parameters() if name.startswith('backbone.stem.')}
    for name, parameter in stem.items():
        assert torch.equal(parameter, exact[name.replace('stem.module.module.', 'stem.module.')])


@pytest.mark.parametrize('in_channels, exact', [(64, True), (32, False)])
def test_sums_of_units_are_not_rounded(in_channels, exact):
    unit = BasicUnit(in_channels, 64, expansion=1, norm_cfg=None).eval()
    torch.nn.init.zeros_(unit.convs[-1].conv.weight)
    torch.nn.init.zeros_(unit.convs[-1].conv.bias)
    x = torch.rand(1, in_channels, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = SumInFloat32(copy.deepcopy(unit).bfloat16())(x)
        assert found.dtype == torch.float32
        assert torch.equal(found, unit(x)) == exact
        torch.testing.assert_close(found, unit(x), atol=0.02, rtol=0.02)


def test_compiled_for_several_batch_sizes():
    model = estimator(stages=1)
    # Traced and run without a code generator, which takes a minute.
    fast = optimize(model, compile=dict(backend='eager', fullgraph=True))
    for count in (2, 3):
        expected, _ = heatmaps(model, count=count)
        found, _ = heatmaps(fast, count=count)
        assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_convolutions_are_packed_unless_a_compiler_does_it():
    def packed(model):
        return sum(isinstance(m, PackedConv) for m in model.modules())

    model = estimator(stages=1)
    convolutions = sum(isinstance(m, torch.nn.Conv2d) for m in model.modules())
    assert packed(optimize(model)) == convolutions
    assert packed(optimize(model, compile=dict(backend='eager'))) == packed(model) == 0


def test_does_not_train():
    fast = optimize(estimator())
    assert not fast.train().training
    with pytest.raises(OptionError, match='cannot be trained'):
        fast.loss(*batch())


def test_what_does_not_fit_is_refused():
    model = estimator(stages=1)
    with pytest.raises(TypeError, match='dtype=torch.float16'):
        optimize(model, dtype=torch.float16)
    for compile in (None, 'default'):
        with pytest.raises(TypeError, match=f'compile={compile!r}, expected True'):
            optimize(model, compile=compile)
    del model.head
    with pytest.raises(TypeError, match='expected MultiStageRSNHead'):
        optimize(model)
