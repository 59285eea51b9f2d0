"""Both contestants do the same work."""

from pathlib import Path

import pytest
import torch

from benchmarks import networks
from benchmarks.data import LOADED_SAMPLES, loaders
from benchmarks.machine import count_flops
from benchmarks.networks import Case
from rsn_mm.apis import optimize

CPU = torch.device('cpu')
ROOT = Path(__file__).parents[2]
SMALL = Case(size_wh=(48, 64))


@pytest.mark.parametrize('stages', [1, 2])
def test_the_same_weights_give_the_same_heatmaps(stages):
    case = Case(stages=stages, size_wh=SMALL.size_wh)
    theirs, mine = networks.build_pair(case, CPU)
    images = networks.random_images(2, case.size_wh, CPU)
    expected = networks.last_heatmaps(theirs, images)()
    assert expected.std() > 0.01
    with torch.no_grad():
        found = optimize(mine).heatmaps(images)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_training_steps_draw_targets_and_reach_every_weight():
    images = networks.random_images(2, SMALL.size_wh, CPU)
    for model, (name, targets) in zip(networks.build_pair(SMALL, CPU),
                                      networks.target_transforms(SMALL).items()):
        samples = networks.training_samples(2, SMALL, targets, CPU)
        labels = samples[0].gt_instance_labels
        assert ('keypoint_cells' in labels) == (name == 'ours')
        networks.training_step(model, images, samples)()
        # MMPose leaves nothing out either.
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_flops_of_a_packed_network_are_those_of_its_layers():
    mine = networks.build(networks.our_model(SMALL), CPU)
    fast = optimize(mine)
    images = networks.random_images(2, SMALL.size_wh, CPU)
    counted = count_flops(torch.no_grad()(lambda: fast.heatmaps(images)))
    expected = count_flops(
        torch.no_grad()(lambda: mine.head.forward_last(mine.backbone(images))))
    assert counted == expected > 0


def test_a_sample_carries_an_eighth_of_the_bytes(tmp_path):
    config = tmp_path / 'data.py'
    config.write_text(f'''
model = dict(head=dict(out_channels=17))
test_dataloader = dict(dataset=dict(
    type='rsn_mm.SyntheticCocoDataset', data_root={str(tmp_path / "images")!r}, split='val',
    num_images=2, test_mode=True))
''')
    size_wh = 288, 384
    sides = loaders(str(config), str(ROOT / 'configs/_base_/coco_256x192.py'), size_wh)
    image = 3 * 288 * 384
    heatmaps = 5 * 17 * 72 * 96 * 4
    mine, theirs = (sides[name].sample_bytes() for name in ('ours', 'MMPose'))
    assert image < mine < image + 2000
    assert image + heatmaps < theirs < image + heatmaps + 2000
    assert theirs / mine > 8
    assert sides['ours'].count <= LOADED_SAMPLES
    sides['ours'].read()
