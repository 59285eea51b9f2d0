"""Sizes of networks against the numbers of the papers and of the reference."""

import pytest
from mmengine.config import Config

from rsn_mm.apis.complexity import measure
from tests.tools.tiny_run import ROOT, call

CONFIGS = ROOT / 'configs' / 'rsn'


def network(num_stages=1, size=(192, 256), prm=None, **backbone):
    codec = dict(type='rsn_mm.RSNHeatmap', input_size=size,
                 heatmap_size=tuple(n // 4 for n in size))
    return measure(Config(dict(model=dict(
        type='TopdownPoseEstimator',
        backbone=dict(type='rsn_mm.RSN', num_stages=num_stages, **backbone),
        head=dict(type='rsn_mm.MultiStageRSNHead', num_stages=num_stages, out_channels=17,
                  prm=prm, decoder=codec)))))


# Counts of both networks that carry the paper's names.
@pytest.mark.parametrize('variant, depth, num_stages, size, gflops', [
    ('paper', 18, 1, (192, 256), 2.43),
    ('paper', 50, 1, (192, 256), 6.39),
    ('paper', 101, 1, (192, 256), 11.94),
    ('paper', 50, 2, (192, 256), 13.52),
    ('paper', 50, 3, (192, 256), 20.65),
    ('paper', 50, 4, (192, 256), 27.78),
    ('paper', 50, 4, (288, 384), 62.5),
    ('released', 18, 1, (192, 256), 2.00),
    ('released', 50, 1, (192, 256), 3.69),
    ('released', 101, 1, (192, 256), 7.30),
    ('released', 50, 2, (192, 256), 7.16),
    ('released', 50, 3, (192, 256), 10.63),
    ('released', 50, 4, (192, 256), 14.10),
    ('released', 50, 4, (288, 384), 31.7),
])
def test_gflops_of_rsn(variant, depth, num_stages, size, gflops):
    found = network(num_stages, size, variant=variant, depth=depth)
    assert found.gflops == pytest.approx(gflops, rel=0.01)
    assert found.gflops_all_heads > found.gflops
    assert found.prm_gflops == 0 and found.input_size_wh == size


@pytest.mark.parametrize('num_stages, gflops', [(1, 4.63), (4, 20.7)])
def test_gflops_of_resnet_50(num_stages, gflops):
    found = network(num_stages, depth=50, unit='bottleneck')
    assert found.gflops == pytest.approx(gflops, rel=0.01)


@pytest.mark.parametrize('depth, size, gflops', [
    (18, (192, 256), 1.75), (50, (192, 256), 1.75), (50, (288, 384), 3.93)])
def test_gflops_that_the_prm_adds_at_any_depth(depth, size, gflops):
    plain = network(size=size, depth=depth)
    refined = network(size=size, depth=depth, prm=dict(position='feature'))
    assert refined.prm_gflops == pytest.approx(gflops, abs=0.005)
    assert refined.gflops - plain.gflops == pytest.approx(refined.prm_gflops)


def test_gflops_of_a_layer_counted_by_hand():
    """All heads but the last of a stage of RSN-18: a 1x1 and a 3x3 convolution each."""
    found = network(depth=18)
    heads = sum(h * w * (256 * 256 + 9 * 256 * 17) for h, w in ((8, 6), (16, 12), (32, 24)))
    assert found.gflops_all_heads - found.gflops == pytest.approx(heads / 2**30)


def test_the_table(capsys):
    names = ('rsn18_coco-256x192', 'rsn50_coco-256x192')
    assert call('get_flops.py', *(CONFIGS / f'{name}.py' for name in names)) is None
    rows = {}
    for line in capsys.readouterr().out.splitlines():
        cells = [cell.strip() for cell in line.split('│')[1:-1]]
        if cells:
            rows[cells[0]] = cells[1:]
    assert rows == {names[0]: ['192x256', '13.4', '2.43', '2.53', ''],
                    names[1]: ['192x256', '38.4', '6.38', '6.48', '']}


def test_options(capsys):
    config = CONFIGS / 'rsn18_coco-256x192.py'
    assert call('get_flops.py', config, '--input-size', 96, 128, '--cfg-options',
                'model.head.decoder=None', 'model.head.heatmap_size=24,32') is None
    assert '│ 96x128 │' in capsys.readouterr().out
    assert call('get_flops.py', config, '--cfg-options', 'model.head.decoder=None',
                'model.head.heatmap_size=24,32') is None
    assert 'no codec that tells the input size; give --input-size' in capsys.readouterr().out
    assert 'expected two positive' in call('get_flops.py', config, '--input-size', 0, 128)
    assert 'config no.py does not exist' in call('get_flops.py', 'no.py')
