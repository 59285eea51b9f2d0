"""Data files that somebody else may have made: nothing of them runs, and they name no paths."""

import json
import pickle
from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from rsn_mm.files import name_part
from tests.tools.test_hostile_checkpoints import CODE, MARK
from tests.tools.tiny_run import call, write_run

HOSTILE_YAML = f'!!python/object/apply:os.mknod [{MARK}]\n'
IDS = ['y/../../escaped', '/tmp/rsn_mm_escaped', '..', 'x' * 300, 'nul\0', 'a\nb']


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A folder with a config, a checkpoint, and annotations whose ids are paths."""
    folder = tmp_path_factory.mktemp('data')
    write_run(folder)
    (folder / 'shown.py').write_text("_base_ = 'tiny.py'\ntest_evaluator = [dict(type='EPE')]\n")
    content = json.loads((folder / 'persons.json').read_text())
    for annotation, name in zip(content['annotations'], IDS):
        annotation['id'] = name
    (folder / 'persons.json').write_text(json.dumps(content))
    init_default_scope('mmpose')
    model = MODELS.build(Config.fromfile(folder / 'tiny.py').model)
    torch.save(dict(state_dict=model.state_dict()), folder / 'a.pth')
    for ending in ('pkl', 'pickle'):
        (folder / f'hostile.{ending}').write_bytes(pickle.dumps(CODE))
    for ending in ('yaml', 'yml'):
        (folder / f'hostile.{ending}').write_text(HOSTILE_YAML)
    (folder / 'hostile.json').write_text(json.dumps(dict(_base_='hostile.yaml')))
    return folder


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob('*') if path.is_file()}


def test_ids_lead_to_no_other_folder(run, tmp_path, monkeypatch):
    monkeypatch.chdir(run)
    before = files_below(run)
    work_dir, shown = tmp_path / 'a' / 'b' / 'work', tmp_path / 'a' / 'b' / 'shown'
    assert call('test.py', 'shown.py', 'a.pth', '--work-dir', work_dir,
                '--show-dir', shown) is None
    assert files_below(run) == before
    assert files_below(tmp_path) == files_below(work_dir) | files_below(shown)
    names = sorted(path.name for path in files_below(shown))
    assert names == sorted(f'{i + 1:03d}_{part}.jpg' for i, part in enumerate(
        ['sample0', 'sample1', '..', 'sample3', 'sample4', 'sample5', *range(107, 117)]))
    assert not Path('/tmp/rsn_mm_escaped.jpg').exists()


def test_browsing_draws_every_picture(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(run)
    assert call('browse_dataset.py', 'tiny.py', '--mode', 'original', '--number', 16,
                '--out-dir', tmp_path / 'a' / 'out') is None
    assert '16 pictures in' in capsys.readouterr().out
    names = [path.name for path in sorted(files_below(tmp_path / 'a' / 'out'))]
    assert len(names) == 16 and files_below(tmp_path) == files_below(tmp_path / 'a' / 'out')
    assert names[:3] == ['00000_001_sample0.jpg', '00001_002_sample1.jpg', '00002_003_...jpg']


def test_a_picture_that_cannot_be_written_is_not_counted(run, tmp_path, monkeypatch):
    monkeypatch.chdir(run)
    monkeypatch.setattr('cv2.imencode', lambda *args: (False, None))
    error = call('browse_dataset.py', 'tiny.py', '--mode', 'original', '--number', 1,
                 '--out-dir', tmp_path / 'out')
    assert '00000_001_sample0.jpg cannot be written' in error


@pytest.mark.parametrize('value, part', [
    (7, '7'), ('a-b.c_1', 'a-b.c_1'), ('人', '人'), ('', 'sample3'), (None, 'None'),
    ('a/b', 'sample3'), ('a\\b', 'sample3'), ('a b', 'sample3'), ('x' * 65, 'sample3'),
])
def test_parts_of_names(value, part):
    assert name_part(value, 3) == part


@pytest.mark.parametrize('file', ['hostile.pkl', 'hostile.pickle', 'hostile.yaml', 'hostile.yml'])
@pytest.mark.parametrize('tool, args', [
    ('test.py', ('a.pth', '--detections', 'FILE')),
    ('test.py', ('a.pth', '--cfg-options', 'test_dataloader.dataset.bbox_file=FILE')),
    ('train.py', ('--cfg-options', 'val_dataloader.dataset.bbox_file=FILE')),
    ('browse_dataset.py', ('--phase', 'val', '--cfg-options',
                           'val_dataloader.dataset.bbox_file=FILE')),
])
def test_detections_are_json(run, tmp_path, monkeypatch, tool, args, file):
    monkeypatch.chdir(run)
    folder = ('--out-dir' if tool.startswith('browse') else '--work-dir', tmp_path / 'work')
    error = call(tool, 'tiny.py', *folder, *(arg.replace('FILE', file) for arg in args))
    assert error.startswith(f'{tool}: error: detections {file}: expected a JSON file')
    assert not list(run.rglob(MARK))


@pytest.mark.parametrize('file', ['hostile.yaml', 'hostile.yml', 'hostile.json', 'hostile.pkl'])
@pytest.mark.parametrize('tool', [
    'print_config.py', 'train.py', 'test.py', 'browse_dataset.py', 'get_flops.py'])
def test_configs_are_python(run, monkeypatch, tool, file):
    monkeypatch.chdir(run)
    assert call(tool, file) == f'{tool}: error: config {file}: expected a Python file (.py)'
    assert not list(run.rglob(MARK))


def test_these_files_are_as_evil_as_they_say(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for load in (lambda: yaml.unsafe_load((run / 'hostile.yaml').read_text()),
                 lambda: pickle.loads((run / 'hostile.pkl').read_bytes())):
        load()
        (tmp_path / MARK).unlink()
