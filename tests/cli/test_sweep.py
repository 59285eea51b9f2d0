"""Sweep files: what they say, and what is wrong with them."""

import pytest
import torch
import yaml
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from rsn_mm.cli.sweep import read_sweep
from rsn_mm.errors import CommandError
from tests.tools.tiny_run import ROOT

SWEEP = dict(
    config='base.py', metrics={'score': 'EPE'},
    groups=[
        dict(title='sizes', seeds=[0, 1], runs={'small': {}, 'Large one': {'model.depth': 50}}),
        dict(title='data', seeds=[3], runs={'other': {'config': 'other.py'}}),
    ])


def write(folder, **changes):
    for name, depth in (('base', 18), ('other', 19)):
        (folder / f'{name}.py').write_text(f'model = dict(depth={depth})\n')
    path = folder / 'sweep.yml'
    path.write_text(yaml.safe_dump({**SWEEP, **changes}, sort_keys=False))
    return path


def test_runs_are_made_seed_by_seed_within_a_group(tmp_path):
    runs = read_sweep(write(tmp_path)).runs
    assert [str(run) for run in runs] == [
        'small, seed 0', 'Large one, seed 0', 'small, seed 1', 'Large one, seed 1',
        'other, seed 3']
    assert [run.folder for run in runs[1:4:2]] == ['large-one_seed0', 'large-one_seed1']
    configs = [run.build_config() for run in runs]
    assert [cfg.model.depth for cfg in configs] == [18, 50, 18, 50, 19]
    assert [cfg.randomness.seed for cfg in configs] == [0, 0, 1, 1, 3]


def test_runs_are_selected_by_name(tmp_path):
    sweep = read_sweep(write(tmp_path))
    assert [str(run) for run in sweep.select(['other', 'small'])] == [
        'small, seed 0', 'small, seed 1', 'other, seed 3']
    with pytest.raises(CommandError, match=r"no run 'smal'; did you mean 'small'\?"):
        sweep.select(['small', 'smal'])
    with pytest.raises(CommandError, match=r"no run 'xyz'; expected small, Large one, other"):
        sweep.select(['xyz'])


GROUP = SWEEP['groups'][0]


@pytest.mark.parametrize('changes, message', [
    (dict(metrics='EPE'), "metrics is 'EPE', expected a dict"),
    (dict(budget=3), r"the file has \[.*'budget'.*\], expected"),
    (dict(groups=[dict(GROUP, seeds=[])]), r"seeds \[\] of group 'sizes', expected one or more"),
    (dict(groups=[dict(GROUP, seeds=['a'])]), r"seeds \['a'\] of group 'sizes'"),
    (dict(groups=[dict(title='sizes', seeds=[0])]), r"a group has \['seeds', 'title'\], expected"),
    (dict(groups=[dict(GROUP, runs={'a': {'config': 'no.py'}})]), r"no\.py of run 'a' does not"),
    (dict(groups=[dict(GROUP, runs={'a': {}, 'A': {}})]), r'cannot be told apart: a, seed 0, A,'),
    (dict(groups=[GROUP, GROUP]), 'cannot be told apart: small, seed 0'),
])
def test_what_is_wrong_with_a_sweep_is_said(tmp_path, changes, message):
    with pytest.raises(CommandError, match=message):
        read_sweep(write(tmp_path, **changes))


def test_no_file_or_no_yaml(tmp_path):
    with pytest.raises(CommandError, match='no.yml does not exist'):
        read_sweep(tmp_path / 'no.yml')
    path = tmp_path / 'sweep.yml'
    path.write_text('a: [')
    with pytest.raises(CommandError, match='is no YAML file'):
        read_sweep(path)


def test_options_that_do_not_fit_name_their_run(tmp_path):
    groups = [dict(GROUP, runs={'a': {'model.depth.3': 1}})]
    with pytest.raises(CommandError, match="run 'a': its options do not fit .*base.py"):
        read_sweep(write(tmp_path, groups=groups)).runs[0].build_config()


def test_the_sweep_of_the_docs_changes_what_its_names_say():
    sweep = read_sweep(ROOT / 'configs' / 'compare' / 'lsp.yml')
    assert {len(sweep.select([name])) for name in ('RSN-18', 'Dense-18')} == {2}
    configs = {run.name: run.build_config() for run in sweep.runs}
    base = configs['RSN-18']
    for name, cfg in configs.items():
        assert cfg.train_dataloader.batch_size == base.train_dataloader.batch_size
        assert cfg.test_evaluator == base.test_evaluator
        # One pass over the many photographs, four over the 1,200.
        many = cfg.train_dataloader.dataset.ann_file == 'train_large.json'
        assert cfg.train_cfg.max_epochs == (1 if many else 4), name
    level = configs['One kernel size for all levels']
    assert level.model.head.decoder == {**base.model.head.decoder, 'kernel_sizes': [5] * 5}
    encoder, = (step.encoder for step in level.train_dataloader.dataset.pipeline
                if step.type == 'GenerateTarget')
    assert encoder == level.model.head.decoder


def test_every_run_of_the_docs_builds():
    init_default_scope('mmpose')
    sweep = read_sweep(ROOT / 'configs' / 'compare' / 'lsp.yml')
    for cfg in {run.name: run.build_config() for run in sweep.runs}.values():
        with torch.device('meta'):
            model = MODELS.build(cfg.model).eval()
        with torch.no_grad():
            *_, last = model.head(model.backbone(torch.zeros(2, 3, 128, 96, device='meta')))
        if isinstance(last, list):  # the units of a stage; MMPose's head gives them in one list
            last = last[-1]
        assert last.shape == (2, 14, 32, 24)
        assert cfg.model.test_cfg.flip_test
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            Compose(loader.dataset.pipeline)
