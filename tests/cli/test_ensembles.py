"""An ensemble's config against those of its members."""

import json
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from rsn_mm.cli.ensembles import check_members, is_ensemble
from rsn_mm.models import Ensemble
from rsn_mm.models.ensemble import EnsembleError
from tests.tools.tiny_run import ROOT

MPII = 'rsn18_mpii-256x256'
COCO = 'rsn18_coco-256x192'


def config_of(name, *members):
    """The config of a network with its model exchanged for an ensemble; paths are members too."""
    init_default_scope('mmpose')
    cfg = Config.fromfile(path_of(name))
    cfg.model = dict(type='rsn_mm.Ensemble', members=[
        dict(config=path_of(member), checkpoint='x.pth') for member in members])
    return cfg


def path_of(name):
    return name if '/' in str(name) else str(ROOT / 'configs' / 'rsn' / f'{name}.py')


def check(cfg, *sizes):
    check_members(cfg, SimpleNamespace(input_sizes=list(sizes)))


@pytest.mark.parametrize('name, size', [(MPII, (256, 256)), (COCO, (192, 256))])
def test_members_of_the_same_data_pass(name, size):
    cfg = config_of(name, name, name)
    # Files are for others to look at.
    assert name != MPII or cfg.test_dataloader.dataset.headbox_file
    check(cfg, size)


def test_members_of_other_joints_are_refused():
    cfg = config_of(COCO, MPII)
    pipeline = Config.fromfile(path_of(MPII)).test_dataloader.dataset.pipeline
    cfg.test_dataloader.dataset.pipeline = pipeline
    with pytest.raises(EnsembleError, match='joints right_ankle.* of the ensemble has nose'):
        check(cfg, (256, 256))


def rewrite(tmp_path, change):
    """A member's config with another test pipeline, as JSON, which has lists for tuples."""
    cfg = Config.fromfile(path_of(COCO))
    pipeline = [dict(step) for step in cfg.test_dataloader.dataset.pipeline]
    change(pipeline)
    content = dict(model=cfg.model.to_dict(), test_dataloader=dict(dataset=dict(
        type='CocoDataset', pipeline=pipeline)))
    path = tmp_path / 'member.json'
    path.write_text(json.dumps(content))
    return str(path)


def scoped(pipeline):
    for step in pipeline:
        if '.' not in step['type']:
            step['type'] = f'mmpose.{step["type"]}'


@pytest.mark.parametrize('change', [lambda pipeline: None, scoped])
def test_the_same_steps_written_otherwise_pass(tmp_path, change):
    cfg = config_of(COCO, rewrite(tmp_path, change))
    box = next(step for step in cfg.test_dataloader.dataset.pipeline if 'BBox' in step.type)
    box.some_range = (1, (2., 3.))
    cfg.model.members[0].config = rewrite(
        tmp_path, lambda pipeline: (change(pipeline), next(
            step for step in pipeline if 'BBox' in step['type']).update(some_range=(1, (2., 3.)))))
    assert '[1, [2.0, 3.0]]' in open(cfg.model.members[0].config).read()
    check(cfg, (192, 256))
    box.some_range = (1, (2., 4.))
    with pytest.raises(EnsembleError, match=r'\[2.0, 3.0\].* it would see other boxes than alone'):
        check(cfg, (192, 256))


def test_a_size_that_no_member_has_is_refused():
    cfg = config_of(COCO, COCO)
    steps = [step for step in cfg.test_dataloader.dataset.pipeline
             if step.type not in ('TopdownAffine', 'PackPoseInputs')]
    cfg.test_dataloader.dataset.pipeline = [
        *steps, dict(type='rsn_mm.PackInputSizes', input_sizes=[[192, 256], [288, 384]])]
    check(cfg, (288, 384), (192, 256))
    with pytest.raises(EnsembleError, match=r'has \(288, 384\) in input_sizes, but .* \(192, 256'):
        check(cfg, (192, 256))


@pytest.mark.parametrize('cfg, expected', [
    (dict(model=dict(type='rsn_mm.Ensemble')), True),
    (dict(model=dict(type=Ensemble)), True),
    (dict(model=dict(type='TopdownPoseEstimator')), False),
    (dict(), False),
])
def test_what_is_an_ensemble(cfg, expected):
    assert is_ensemble(Config(cfg)) is expected
