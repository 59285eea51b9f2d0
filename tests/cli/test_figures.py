"""The commands that draw: a PNG file comes out, or one message and no file."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from rsn_mm.analysis.branch_weights import branch_weights
from tests.tools.tiny_run import ROOT, call, write_run


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A small network's config, its weights, and an image of 100 x 80 pixels (001.png)."""
    folder = tmp_path_factory.mktemp('figures')
    config = write_run(folder)
    cfg = Config.fromfile(config)
    init_default_scope('mmpose')
    for name, unit in dict(rsb=cfg.model.backbone.unit, basic='basic').items():
        cfg.model.backbone.unit = unit
        torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), folder / f'{name}.pth')
    (folder / 'ensemble.py').write_text(
        'model = dict(type="rsn_mm.Ensemble", members=[dict(config="a.py", checkpoint="b.pth")])')
    return folder


def width_of(path) -> int:
    """Of a PNG file, in pixels; what is drawn in it differs from cell to cell."""
    assert path.read_bytes().startswith(b'\x89PNG')
    picture = cv2.imread(str(path))
    assert len(np.unique(picture @ [1, 2**8, 2**16])) > 50
    return picture.shape[1]


def test_branch_weights(folder, tmp_path):
    args = 'plot_branch_weights.py', folder / 'tiny.py', folder / 'rsb.pth'
    assert call(*args, '--out', tmp_path / 'new' / 'a.png') is None
    assert call(*args, '--out', tmp_path / 'b.png', '--limit', 5) is None
    assert width_of(tmp_path / 'new' / 'a.png') > 600 < width_of(tmp_path / 'b.png')
    assert (tmp_path / 'b.png').read_bytes() != (tmp_path / 'new' / 'a.png').read_bytes()


def test_heatmaps(folder, tmp_path):
    args = ('plot_heatmaps.py', folder / 'tiny.py', folder / 'rsb.pth', folder / '001.png')
    assert call(*args, '--out', tmp_path / 'a.png') is None
    assert call(*args, '--out', tmp_path / 'b.png', '--box', 20, 10, 60, 70) is None
    assert width_of(tmp_path / 'a.png') > 800 < width_of(tmp_path / 'b.png')
    assert (tmp_path / 'b.png').read_bytes() != (tmp_path / 'a.png').read_bytes()


WEIGHTS = ('plot_branch_weights.py', 'tiny.py', 'rsb.pth')
MAPS = ('plot_heatmaps.py', 'tiny.py', 'rsb.pth', '001.png')


@pytest.mark.parametrize('args, message', [
    (('plot_branch_weights.py', 'no.py', 'rsb.pth'), 'config no.py does not exist'),
    (('plot_branch_weights.py', 'tiny.py', 'no.pth'), 'checkpoint no.pth does not exist'),
    (('plot_branch_weights.py', 'tiny.py', 'basic.pth'), 'does not fit the model of the config'),
    (('plot_branch_weights.py', 'ensemble.py', 'rsb.pth'), 'ensemble.py is an ensemble'),
    (('plot_branch_weights.py', 'tiny.py', 'basic.pth', '--cfg-options',
      'model.backbone.unit=basic'), 'the units are BasicUnit, expected units that concatenate'),
    ((*WEIGHTS, '--limit', -1), '--limit -1: expected a weight above 0'),
    ((*WEIGHTS, '--out', '001.png'), '--out 001.png is there already'),
    ((*WEIGHTS, '--out', 'new.jpg'), '--out new.jpg: expected a file ending with .png'),
    (('plot_heatmaps.py', 'no.py', 'rsb.pth', '001.png'), 'config no.py does not exist'),
    (('plot_heatmaps.py', 'tiny.py', 'basic.pth', '001.png'), 'does not fit the model'),
    (('plot_heatmaps.py', 'tiny.py', 'rsb.pth', 'no.jpg'), 'no.jpg does not exist'),
    ((*MAPS, '--box', 200, 10, 260, 70), 'outside the image of 100 x 80 pixels'),
    ((*MAPS, '--box', 60, 10, 20, 70), 'expected finite numbers'),
    ((*MAPS, '--out', '001.png'), '--out 001.png is there already'),
])
def test_one_message_and_no_file(folder, args, message, monkeypatch):
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob('*'))
    picture = (folder / '001.png').read_bytes()
    error = call(*args, *(() if '--out' in args else ('--out', 'new.png')))
    assert isinstance(error, str) and message in error
    assert sorted(folder.rglob('*')) == before and (folder / '001.png').read_bytes() == picture


def test_the_shipped_networks_have_branches():
    """Of one config for each kind of unit that the papers' figure compares."""
    init_default_scope('mmpose')
    for name, branches in (('rsn/rsn18', 4), ('ablation/rsn18-6branch', 6),
                           ('ablation/res2net18', 4), ('ablation/dense18', 5)):
        cfg = Config.fromfile(ROOT / 'configs' / f'{name}_coco-256x192.py')
        units = branch_weights(MODELS.build(cfg.model.backbone))
        assert len(units) == 8 and {len(unit.branches) for unit in units} == {branches}
