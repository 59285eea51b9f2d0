"""The head: which heatmaps it computes, what it learns from, what it refuses."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.evaluation.functional import pose_pck_accuracy
from mmpose.structures import PoseDataSample
from torch import nn

from rsn_mm.codecs import RSNHeatmap
from rsn_mm.models import MultiStageRSNHead, PoseRefineMachine
from rsn_mm.models.heads.accuracy import pck_accuracy
from tests import golden

CODEC = dict(type='rsn_mm.RSNHeatmap', input_size=(48, 64))
K = 17
FLIP_INDICES = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


def features(stages: int = 2, batch: int = 3, seed: int = 0, channels: int = 32):
    generator = torch.Generator().manual_seed(seed)
    return [[torch.randn(batch, channels, 2 * 2**u, int(1.5 * 2**u), generator=generator)
             for u in range(4)] for _ in range(stages)]


def head(stages: int = 2, **options) -> MultiStageRSNHead:
    torch.manual_seed(0)
    options = dict(decoder=CODEC, unit_channels=32, **options)
    module = MultiStageRSNHead(stages, K, **options)
    module.init_weights()
    return module


def samples(batch: int = 3, joints: int = K, codec: dict = CODEC) -> list[PoseDataSample]:
    rng = np.random.default_rng(0)
    codec = RSNHeatmap(**{k: v for k, v in codec.items() if k != 'type'})
    result = []
    for _ in range(batch):
        encoded = codec.encode(rng.uniform(0, 48, (1, joints, 2)), rng.integers(0, 3, (1, joints)))
        sample = PoseDataSample(metainfo=dict(flip_indices=FLIP_INDICES))
        sample.gt_instance_labels = InstanceData(
            **{k: torch.from_numpy(encoded[k]) for k in codec.label_mapping_table
               if isinstance(encoded[k], np.ndarray)})
        result.append(sample)
    return result


def test_heatmaps_of_every_unit():
    outputs = head()(features())
    assert [[tuple(h.shape) for h in units] for units in outputs] == [[(3, K, 16, 12)] * 4] * 2


def test_loss_is_the_sum_of_its_named_terms_and_equals_the_loss_on_drawn_targets():
    module = head()
    batch = samples()
    losses = module.loss(features(), batch)
    terms = [v for name, v in losses.items() if name.startswith('stage')]
    assert len(terms) == 8 and [n for n in losses if 'loss' in n] == ['loss_kpt']
    torch.testing.assert_close(losses['loss_kpt'], torch.stack(terms).sum())
    labels = [s.gt_instance_labels for s in batch]
    pixels = torch.cat([label.keypoint_cells for label in labels]) * 4
    flags = torch.cat([label.keypoint_flags for label in labels])
    expected = module.loss_module(
        module(features()), module.decoder.render(pixels, flags), flags)
    torch.testing.assert_close(losses['loss_kpt'], expected)


@pytest.mark.parametrize('supervised', [1, 2])
def test_only_the_last_units_of_a_stage_are_supervised(supervised):
    everything, module = head(), head(supervised_units=supervised)
    first = 4 - supervised
    assert set(module.state_dict()) == {
        key for key in everything.state_dict() if int(key.split('.')[2]) >= first}
    module.load_state_dict(everything.state_dict(), strict=False)
    for found, expected in zip(module(features()), everything(features()), strict=True):
        torch.testing.assert_close(found, expected[first:])
    found, expected = (m.loss(features(), samples()) for m in (module, everything))
    # Each unit still learns its own level.
    for s in range(2):
        for u in range(supervised):
            kind = 'ohkm' if u == supervised - 1 else 'mse'
            torch.testing.assert_close(found[f'stage{s}_unit{u}_{kind}'],
                                       expected[f'stage{s}_unit{first + u}_{kind}'])
    assert sum(name.startswith('stage') for name in found) == 2 * supervised
    found['loss_kpt'].backward()
    assert not [name for name, p in module.named_parameters() if p.grad is None]
    torch.testing.assert_close(module.forward_last(features()), everything.forward_last(features()))


def test_every_parameter_learns():
    module = head(prm=dict(position='feature'))
    module.loss(features(), samples())['loss_kpt'].backward()
    assert not [name for name, p in module.named_parameters() if p.grad is None]


def test_predict_computes_only_the_last_heatmaps():
    module = head().eval()
    computed = []
    for s, predictors in enumerate(module.predictors):
        for u, predictor in enumerate(predictors):
            predictor.register_forward_hook(lambda *_, key=(s, u): computed.append(key))
    instances = module.predict(features(), samples(), {})
    assert computed == [(1, 3)]
    assert instances[0].keypoints.shape == (1, K, 2)
    assert instances[0].keypoint_scores.shape == (1, K)


def test_flip_test_is_the_mean_with_left_and_right_exchanged():
    module = head().eval()
    direct, mirrored = features(seed=0), features(seed=1)
    config = dict(flip_test=True, output_heatmaps=True)
    with torch.no_grad():
        _, fields = module.predict([direct, mirrored], samples(), config)
        a, b = module(direct)[-1][-1], module(mirrored)[-1][-1]
    expected = (a + b.flip(-1)[:, FLIP_INDICES]) / 2
    torch.testing.assert_close(torch.stack([field.heatmaps for field in fields]), expected)


@pytest.mark.parametrize('position, channels', [('feature', 32), ('heatmap', K)])
def test_prm_sits_on_the_last_unit_of_the_last_stage_alone(position, channels):
    module = head(prm=dict(position=position))
    machines = {name: m for name, m in module.named_modules() if isinstance(m, PoseRefineMachine)}
    place = dict(feature='feature', heatmap='refine')[position]
    assert list(machines) == [f'predictors.1.3.{place}']
    assert machines[f'predictors.1.3.{place}'].conv.conv.in_channels == channels
    assert module(features())[-1][-1].shape == (3, K, 16, 12)


def test_norm_reaches_every_layer():
    module = head(norm_cfg=dict(type='GN', num_groups=8), prm=dict(position='feature'))
    convs = [m for m in module.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in module.modules() if isinstance(m, nn.GroupNorm)]
    assert len(convs) == len(norms)
    module.loss(features(), samples())


@pytest.mark.parametrize('options, message', [
    (dict(stages=0), 'num_stages=0'),
    (dict(heatmap_size=(12, 12)), r'heatmap_size=\(12, 12\), but its codec has \(12, 16\)'),
    (dict(prm=dict(position='neck')), "prm position 'neck'"),
    (dict(prm=dict()), 'prm position None'),
    (dict(loss=dict(num_stages=3)), 'its loss has num_stages=3'),
    (dict(loss=dict(topk=18)), r'set loss=dict\(topk=17\)'),
    (dict(supervised_units=0), 'supervised_units=0, expected 1 or more'),
    (dict(supervised_units=5), 'supervised_units=5, expected at most num_units=4'),
    (dict(num_units=3), 'the codec has 5 kernel_sizes, expected 4'),
])
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        head(**options)


def test_without_codec_the_heatmap_size_is_needed():
    with pytest.raises(ValueError, match='neither heatmap_size nor decoder'):
        MultiStageRSNHead(1, K)
    module = MultiStageRSNHead(1, K, heatmap_size=(12, 16), unit_channels=32)
    assert module(features(1))[0][3].shape == (3, K, 16, 12)


@pytest.mark.parametrize('feats, message', [
    (features(stages=1), 'expected num_stages=2'),
    ([units[:3] for units in features()], 'expected num_stages=2 with num_units=4'),
    (features(channels=16), 'features of 16 channels, expected unit_channels=32'),
])
def test_features_that_do_not_fit(feats, message):
    for call in (head().forward, head().forward_last):
        with pytest.raises(ValueError, match=message):
            call(feats)


def test_labels_that_do_not_fit():
    with pytest.raises(ValueError, match='16 joints, expected out_channels=17'):
        head().loss(features(), samples(joints=16))
    with pytest.raises(ValueError, match="targets='joints'"):
        head().loss(features(), samples(codec=dict(CODEC, targets='heatmap')))


# --------------------------------------------------------------------------------------- accuracy

def test_accuracy_is_what_mmpose_logs():
    rng = np.random.default_rng(0)
    target = RSNHeatmap((48, 64)).render(
        rng.uniform(0, 48, (6, K, 2)), np.full((6, K), 2))[:, -1]
    output = (target + rng.normal(0, 70, target.shape)).astype(np.float32)
    mask = rng.random((6, K)) > 0.3
    mask[:, 0] = False
    _, expected, _ = pose_pck_accuracy(output, target, mask)
    found = pck_accuracy(*map(torch.from_numpy, (output, target, mask)))
    assert 0.1 < expected < 0.9
    assert found.item() == pytest.approx(expected, abs=1e-6)
    assert pck_accuracy(*map(torch.from_numpy, (output, target, mask & False))).item() == 0


# -------------------------------------------------------------------------------------------- PRM

#: Layers of the released class, in our order.
RELEASED_PRM = {
    'conv': 'conv_bn_relu_prm_1',
    'channel_path.0': 'conv_bn_relu_prm_2_1', 'channel_path.1': 'conv_bn_relu_prm_2_2',
    'spatial_path.0': 'conv_bn_relu_prm_3_1', 'spatial_path.1': 'conv_bn_relu_prm_3_2',
}


def test_prm_equals_the_released_class():
    data, released = golden.load('prm17'), golden.weights('prm17', salt='')
    prm = PoseRefineMachine(17).eval()
    state = {}
    for name, theirs in RELEASED_PRM.items():
        state[f'{name}.conv.weight'] = released[f'{theirs}.conv.weight']
        for key in ('weight', 'bias', 'running_var', 'num_batches_tracked'):
            state[f'{name}.bn.{key}'] = released[f'{theirs}.bn.{key}']
        state[f'{name}.bn.running_mean'] = (
            released[f'{theirs}.bn.running_mean'] - released[f'{theirs}.conv.bias'])
    prm.load_state_dict(state)
    with torch.no_grad():
        np.testing.assert_allclose(prm(torch.from_numpy(data['x'])), data['y'], atol=1e-4)


def test_prm_trains_on_a_batch_of_one():
    prm = PoseRefineMachine(8).train()
    prm(torch.randn(1, 8, 16, 12)).sum().backward()
    assert all(p.grad is not None for p in prm.parameters())
    assert all(m.training for m in prm.modules())
    pooled = [layer.bn for layer in prm.channel_path]
    assert all(norm.num_batches_tracked == 0 for norm in pooled)
    prm(torch.randn(2, 8, 16, 12))
    assert all(norm.num_batches_tracked == 1 for norm in pooled)


def test_prm_refuses_an_even_kernel():
    with pytest.raises(ValueError, match='kernel_size=8'):
        PoseRefineMachine(8, kernel_size=8)


def test_init_is_torchs_own():
    head = MultiStageRSNHead(num_stages=1, out_channels=17, heatmap_size=(48, 64))
    head.init_weights()
    convs = [m for m in head.predictors.modules() if isinstance(m, nn.Conv2d)]
    assert len(convs) == 8
    for conv in convs:
        expected = (1 / conv.weight[0].numel() / 3)**0.5
        assert conv.weight.std().item() == pytest.approx(expected, rel=0.05)
