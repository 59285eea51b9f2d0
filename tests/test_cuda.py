"""A GPU computes what a processor computes. The tests that need an NVIDIA GPU skip without one."""

import copy
import pickle

import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

from benchmarks import networks
from rsn_mm.apis import Predictor, optimize
from rsn_mm.optimization.cuda_graphs import padded_size
from rsn_mm.optimization.training_graphs import TrainingGraphs
from tests.optimization.test_estimator import estimator
from tests.optimization.test_estimator import heatmaps as predict
from tests.prediction.test_predictor import (
    HIGH,
    HIGH_BOXES,
    WIDE,
    WIDE_BOXES,
    config,
    write_checkpoint,
)
from tests.tools.tiny_run import call, write_run

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs an NVIDIA GPU')
CASE = networks.Case(size_wh=(96, 128))


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Without TF32, whose products have errors of 1e-3."""
    monkeypatch.setattr(torch.backends.cudnn, 'allow_tf32', False)


@pytest.mark.parametrize('count, size', [
    (1, 1), (2, 2), (3, 4), (5, 8), (8, 8), (9, 16), (16, 16), (17, 24), (64, 64)])
def test_padded_size(count, size):
    assert padded_size(count) == size


def batch_heatmaps(model, count, device='cuda'):
    inputs = torch.randn(count, 3, 128, 96, generator=torch.Generator().manual_seed(count)) * 50
    with torch.no_grad():
        return model.heatmaps(inputs.to(device)).cpu()


@needs_gpu
def test_targets_and_decoding():
    codec = KEYPOINT_CODECS.build(CASE.codec)
    poses = torch.from_numpy(networks.random_poses(16, CASE))
    visible = torch.full(poses.shape[:2], 2)
    expected = codec.render(poses, visible)
    found = codec.render(poses.cuda(), visible.cuda())
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-5, atol=1e-4)
    noisy = expected[:, -1] + torch.rand(expected[:, -1].shape)
    for a, b in zip(codec.batch_decode(noisy), codec.batch_decode(noisy.cuda())):
        np.testing.assert_allclose(a, b, atol=1e-3)


@needs_gpu
@pytest.mark.parametrize('options', [dict(), dict(cuda_graphs=False), dict(channels_last=False)])
def test_optimized_form(options):
    plain = estimator()
    expected, keypoints = predict(plain)
    fast = optimize(plain.cuda(), **options)
    inputs_on_gpu(fast)
    found, found_keypoints = predict(fast)
    assert (found.cpu() - expected).abs().max() <= 1e-4 * expected.abs().max()
    np.testing.assert_allclose(found_keypoints, keypoints, atol=0.01)


def inputs_on_gpu(model):
    """Let ``predict`` take images on the processor, as the data preprocessor moves them."""
    plain = model.predict
    model.predict = lambda inputs, samples: plain(inputs.cuda(), samples)


@needs_gpu
def test_bfloat16():
    model = estimator(stages=1).cuda()
    expected = batch_heatmaps(optimize(model), 4)
    found = batch_heatmaps(optimize(model, dtype=torch.bfloat16), 4)
    assert 0 < (found - expected).abs().max() <= 0.05 * expected.abs().max()


@needs_gpu
def test_graphs_of_all_sizes_copies_and_new_weights():
    model = estimator(stages=1).cuda()
    plain, graphed = optimize(model, cuda_graphs=False), optimize(model)
    for count in (3, 1, 8, 3, 10, 2):
        torch.testing.assert_close(batch_heatmaps(graphed, count), batch_heatmaps(plain, count),
                                   rtol=1e-4, atol=1e-3)
    assert sorted(key[0] for key in graphed.graphs._graphs) == [1, 2, 4, 8, 16]
    kept = batch_heatmaps(graphed, 3)
    for twin in (copy.deepcopy(graphed), pickle.loads(pickle.dumps(graphed))):
        assert not twin.graphs._graphs
        torch.testing.assert_close(batch_heatmaps(twin, 3), kept, rtol=1e-4, atol=1e-3)
    with torch.inference_mode():
        batch_heatmaps(graphed, 20)
    batch_heatmaps(graphed, 20)  # a graph made in inference mode serves outside of it
    with torch.no_grad():
        for parameter in graphed.parameters():
            parameter.mul_(0.5)
    assert (batch_heatmaps(graphed, 3) - kept).abs().max() > 1e-3 * kept.abs().max()
    graphed.cpu()
    assert not graphed.graphs._graphs
    assert batch_heatmaps(graphed, 3, 'cpu').shape == kept.shape


@needs_gpu
@pytest.mark.parametrize('amp', [False, True])
def test_training_step(amp):
    gradients, losses = {}, {}
    for device in ('cpu', 'cuda'):
        model = networks.build(networks.our_model(CASE), torch.device(device)).train()
        images = networks.random_images(4, CASE.size_wh, torch.device(device))
        samples = networks.training_samples(
            4, CASE, networks.target_transforms(CASE)['ours'], torch.device(device))
        with torch.autocast(device, torch.bfloat16, enabled=amp):
            loss, _ = model.parse_losses(model(images, samples, mode='loss'))
        loss.backward()
        losses[device] = loss.item()
        gradients[device] = model.head.predictors[-1][-1].heatmap.conv.weight.grad.float().cpu()
    assert losses['cuda'] == pytest.approx(losses['cpu'], rel=0.05 if amp else 1e-3)
    if not amp:  # rounding to bfloat16 is as large as the gradients of random weights
        difference = (gradients['cuda'] - gradients['cpu']).norm() / gradients['cpu'].norm()
        assert difference <= 0.01


@needs_gpu
def test_predictor(tmp_path):
    cfg = config()
    checkpoint = write_checkpoint(tmp_path, cfg)
    on_cpu, on_gpu = (Predictor(cfg.copy(), checkpoint, device=d) for d in ('cpu', 'cuda'))
    images, boxes = [WIDE, HIGH], [WIDE_BOXES, HIGH_BOXES]
    for a, b in zip(on_cpu(images, boxes), on_gpu(images, boxes)):
        np.testing.assert_allclose(b.keypoints, a.keypoints, atol=0.05)
        np.testing.assert_allclose(b.keypoint_scores, a.keypoint_scores, atol=1e-3)


@needs_gpu
@pytest.mark.parametrize('amp', [False, True])
@pytest.mark.parametrize('options', [dict(), dict(supervised_units=2)])
def test_training_graphs(options, amp):
    """Gradients and statistics are those of plain training, also for changed weights."""
    device = torch.device('cuda')
    model_cfg = networks.our_model(CASE)
    model_cfg['head'].update(options)
    plain = networks.build(model_cfg, device).train()
    graphed = copy.deepcopy(plain)
    before = copy.deepcopy(graphed.state_dict())
    with torch.autocast('cuda', torch.bfloat16, enabled=amp):
        graphs = TrainingGraphs(graphed, networks.random_images(4, CASE.size_wh, device))
    for name, value in graphed.state_dict().items():
        assert torch.equal(value, before[name]), name
    graphs.install()
    for count in (4, 3, 4):  # the batch of 3 takes the plain way
        images = networks.random_images(count, CASE.size_wh, device) + count
        samples = networks.training_samples(
            count, CASE, networks.target_transforms(CASE)['ours'], device)
        for model in (plain, graphed):
            networks.training_step(model, images, samples, amp)()
        for (name, a), b in zip(plain.named_parameters(), graphed.parameters()):
            assert (a.grad is None) == (b.grad is None), name
            if a.grad is not None and not amp:
                assert (a.grad - b.grad).norm() <= 0.02 * a.grad.norm() + 1e-3, name
            with torch.no_grad():
                a.mul_(0.98)
                b.mul_(0.98)
    for (name, a), b in zip(plain.named_buffers(), graphed.buffers()):
        torch.testing.assert_close(a, b, rtol=0.1 if amp else 1e-3, atol=1e-2, msg=name)
    assert 'forward' in graphed.backbone.__dict__ and 'forward' in graphed.head.__dict__
    graphs.remove()
    copy.deepcopy(graphed)


@needs_gpu
def test_training_command_uses_graphs(tmp_path):
    config = write_run(tmp_path)
    with config.open('a') as file:
        file.write("custom_hooks.append(dict(type='rsn_mm.CudaGraphHook'))\n")
    assert not call('train.py', config, '--work-dir', tmp_path / 'run')
    log = next((tmp_path / 'run').glob('*/*.log')).read_text()
    assert 'CUDA graphs for batches of' in log
