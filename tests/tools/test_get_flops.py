"""Sizes of networks against the numbers of the papers and of the reference."""

import random
import re
from functools import cache

import pytest
import yaml
from mmengine.config import Config

from rsn_mm.analysis.complexity import measure
from rsn_mm.cli import get_flops
from tests.tools.tiny_run import ROOT, call

CONFIGS = ROOT / 'configs' / 'rsn'


def network(num_stages=1, size=(192, 256), prm=None, **backbone):
    return measured(num_stages, size, *(
        tuple(sorted(part.items())) for part in (prm or {}, backbone)))


@cache
def measured(num_stages, size, prm, backbone):
    codec = dict(type='rsn_mm.RSNHeatmap', input_size=size,
                 heatmap_size=tuple(n // 4 for n in size))
    return measure(Config(dict(model=dict(
        type='TopdownPoseEstimator',
        backbone=dict(type='rsn_mm.RSN', num_stages=num_stages, **dict(backbone)),
        head=dict(type='rsn_mm.MultiStageRSNHead', num_stages=num_stages, out_channels=17,
                  prm=dict(prm) or None, decoder=codec)))))


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


# What the paper's Table 3 says, for networks whose details it leaves open.
@pytest.mark.parametrize('depth, unit, num_stages, gflops', [
    (18, 'basic', 1, 2.3), (18, 'res2net', 1, 2.2), (50, 'res2net', 1, 4.5),
    (50, 'res2net', 4, 20.1)])
def test_gflops_of_the_papers_comparison(depth, unit, num_stages, gflops):
    assert network(num_stages, depth=depth, unit=unit).gflops == pytest.approx(gflops, rel=0.02)


@pytest.mark.parametrize('depth', [18, 50])
@pytest.mark.parametrize('num_branches', [2, 3, 5, 6])
def test_branches_keep_the_capacity(depth, num_branches):
    plain, found = network(depth=depth), network(depth=depth, num_branches=num_branches)
    assert found.gflops == pytest.approx(plain.gflops, rel=0.01)
    assert found.params == pytest.approx(plain.params, rel=0.01)
    narrow = network(depth=depth, num_branches=num_branches, branch_width=26)
    assert abs(narrow.gflops / plain.gflops - 1) > 0.1  # without matching they would not


@pytest.mark.parametrize('depth', [18, 50, 101])
@pytest.mark.parametrize('unit', ['dense', 'osnet'])
def test_units_of_equal_cost(depth, unit):
    assert network(depth=depth, unit=unit).gflops == pytest.approx(
        network(depth=depth).gflops, rel=0.02)


@pytest.mark.parametrize('depth, gflops', [(18, 2.5), (50, 6.4)])
@pytest.mark.parametrize('unit', ['rsb_chained', 'rsb_separate'])
def test_gflops_of_the_papers_baselines(depth, unit, gflops):
    found = network(depth=depth, unit=unit)
    assert found.gflops == pytest.approx(gflops, rel=0.03)
    assert found == network(depth=depth)  # sums cost no multiplication


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


def test_gflops_that_other_attention_adds():
    cells = 64 * 48
    conv, replaced = cells * 9 * 256**2, cells * 256**2
    gate = 2 * 256 * 16
    for name, added in (('SE', gate), ('CBAM', 2 * gate + cells * 2 * 49)):
        found = network(depth=18, prm=dict(type=name, position='feature'))
        assert found.prm_gflops == pytest.approx((conv - replaced + added) / 2**30)
        assert found.gflops == pytest.approx(network(depth=18).gflops + found.prm_gflops)


def test_gflops_of_a_layer_counted_by_hand():
    """All heads but the last of a stage of RSN-18: a 1x1 and a 3x3 convolution each."""
    found = network(depth=18)
    heads = sum(h * w * (256 * 256 + 9 * 256 * 17) for h, w in ((8, 6), (16, 12), (32, 24)))
    assert found.gflops_all_heads - found.gflops == pytest.approx(heads / 2**30)


def rows_of(output: str) -> dict[str, list[str]]:
    """Cells of the printed table behind the name of the network, by it."""
    rows = {}
    for line in output.splitlines():
        cells = [cell.strip() for cell in line.split('│')[1:-1]]
        if cells:
            rows[cells[0]] = cells[1:]
    return rows


def test_the_table(capsys):
    names = ('rsn18_coco-256x192', 'rsn50_coco-256x192')
    assert call('get_flops.py', *(CONFIGS / f'{name}.py' for name in names)) is None
    assert rows_of(capsys.readouterr().out) == {
        names[0]: ['192x256', '13.4', '2.43', '2.5', '-2.9%', '2.53', ''],
        names[1]: ['192x256', '38.4', '6.38', '6.4', '-0.2%', '6.48', '']}


def test_an_ensemble_is_the_sum_of_its_members():
    names = ('rsn18_coco-256x192', 'rsn18_mpii-256x256')
    members = [dict(config=str(CONFIGS / f'{name}.py')) for name in names]
    found = measure(Config(dict(model=dict(type='rsn_mm.Ensemble', members=members))))
    sizes = [measure(Config.fromfile(member['config'])) for member in members]
    for name in ('params', 'gflops', 'gflops_all_heads'):
        assert getattr(found, name) == sum(getattr(size, name) for size in sizes)
    assert found.input_size_wh == (256, 256)


def listed() -> dict[str, dict]:
    """Entries of all metafiles, by name of the config."""
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    return {model['Name']: model for path in index
            for model in yaml.safe_load((ROOT / path).read_text())['Models']}


def documented() -> dict[str, list[str]]:
    """Rows of the tables of networks, by name of the config."""
    rows = [[cell.strip() for cell in line.strip('|').split('|')]
            for line in (ROOT / 'docs' / 'networks.md').read_text().splitlines()]
    return {row[0]: row for row in rows if re.fullmatch(r'[\w-]+_[\w-]+', row[0])}


def test_documented_networks_are_those_of_the_configs():
    rows = documented()
    assert sorted(rows) == sorted(listed())
    for name, entry in listed().items():
        _, _, _, gflops, paper, deviation, *_ = rows[name]
        figure = entry['Metadata'].get('Paper GFLOPs')
        assert paper == ('' if figure is None else str(figure))
        if figure is not None:
            found = float(gflops) / figure - 1
            assert float(deviation.rstrip('%')) / 100 == pytest.approx(found, abs=0.003)
            # depth 101 of all units lies above the paper's
            assert abs(found) < (0.07 if '101' in name else 0.03), name
    assert sum(row[4] != '' for row in rows.values()) > 20


def test_documented_sizes_are_what_is_measured(capsys):
    rows = documented()
    # Not all, for time; others whenever the table changes.
    names = random.Random(str(rows)).sample(
        sorted(name for name in rows if 'ensemble' not in name), 8)
    paths = [ROOT / listed()[name]['Config'] for name in names]
    assert call('get_flops.py', '--markdown', *paths) is None
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith('|')]
    assert [[cell.strip() for cell in line.strip('|').split('|')] for line in lines[2:]] == [
        rows[name] for name in names]


def test_a_changed_network_is_not_the_papers(capsys):
    config = CONFIGS / 'rsn18_coco-256x192.py'
    for change, same in (((), True), (('--input-size', 192, 256), False),
                         (('--cfg-options', 'model.backbone.num_branches=2'), False)):
        assert call('get_flops.py', config, *change) is None
        (_, _, gflops, paper, deviation, *_), = rows_of(capsys.readouterr().out).values()
        assert float(gflops) > 2 and bool(paper) == bool(deviation) == same, change


def test_options(capsys):
    config = CONFIGS / 'rsn18_coco-256x192.py'
    assert call('get_flops.py', config, '--input-size', 96, 128, '--cfg-options',
                'model.head.decoder=None', 'model.head.heatmap_size=24,32') is None
    assert '│ 96x128 │' in capsys.readouterr().out
    error = call('get_flops.py', config, '--cfg-options', 'model.head.decoder=None',
                 'model.head.heatmap_size=24,32')
    assert 'no codec that tells the input size; --input-size W H gives it' in error
    assert 'expected two positive' in call('get_flops.py', config, '--input-size', 0, 128)
    assert 'config no.py does not exist' in call('get_flops.py', 'no.py')


def test_only_configs_that_were_not_named_are_left_out(capsys, monkeypatch, tmp_path):
    good = CONFIGS / 'rsn18_coco-256x192.py'
    bad = 'model.backbone.unit=none'
    error = call('get_flops.py', good, '--cfg-options', bad)
    assert isinstance(error, str) and str(good) in error and 'none' in error

    (tmp_path / 'good.py').write_text(f'_base_ = [{str(good)!r}]\n')
    (tmp_path / 'detector.py').write_text(
        f'_base_ = [{str(good)!r}]\nmodel = dict(head=dict(decoder=None, heatmap_size=(48, 64)))\n')
    monkeypatch.setattr(get_flops, 'shipped_configs', lambda: {
        path.stem: path for path in sorted(tmp_path.glob('*.py'))})
    assert call('get_flops.py') is None
    printed = capsys.readouterr()
    assert list(rows_of(printed.out)) == ['good']
    assert f'left out {tmp_path / "detector.py"}: the model has no codec' in printed.err
    error = call('get_flops.py', '--cfg-options', bad)
    assert re.search('no network can be measured\n.*detector.py', error)
