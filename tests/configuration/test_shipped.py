"""Configs by name."""

import subprocess
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.hub import get_config

from rsn_mm.configuration import find_config, read_config, shipped_configs
from rsn_mm.errors import MissingFileError
from tests.fresh import ROOT

NAME = 'rsn18_synthetic-128x96'


def test_every_config_of_the_repository_has_a_name():
    listed = subprocess.run(['git', 'ls-files', 'configs/*/*.py'], cwd=ROOT, text=True,
                            capture_output=True, check=True).stdout.split()
    paths = [path for path in map(Path, listed) if path.parent.name not in ('_base_', 'compare')]
    assert len(paths) > 80 and len({path.stem for path in paths}) == len(paths)
    found = shipped_configs()
    assert found.keys() == {path.stem for path in paths}
    assert all(found[path.stem].samefile(ROOT / path) for path in paths)


@pytest.mark.parametrize('name', [NAME, f'{NAME}.py', f'configs/rsn/{NAME}.py'])
def test_names_in_an_empty_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Path(find_config(name)).samefile(ROOT / 'configs' / 'rsn' / f'{NAME}.py')
    assert read_config(name).model.backbone.depth == 18


def test_a_file_in_the_current_folder_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(f'{NAME}.py').write_text('')
    assert find_config(NAME) == find_config(f'{NAME}.py') == f'{NAME}.py'
    Path(NAME).mkdir()
    assert find_config(NAME) == f'{NAME}.py'


@pytest.mark.parametrize('name, message', [
    ('rsn18_synthetic-128x69', 'does not exist; did you mean rsn18_synthetic-128x96'),
    ('rsn51_coco-256x192.py', 'did you mean .*rsn50_coco-256x192'),
    ('elsewhere/rsn18_coco-256x192.py', 'config elsewhere/rsn18_coco-256x192.py does not exist'),
    ('configs/rsn/none.py', 'config configs/rsn/none.py does not exist$'),
    ('no.py', 'config no.py does not exist$'),
])
def test_unknown_names(name, message):
    with pytest.raises(MissingFileError, match=message):
        find_config(name)


def test_bases_and_look_ups_of_mmengine(tmp_path):
    (tmp_path / 'mine.py').write_text(
        f"_base_ = 'rsn_mm::rsn/{NAME}.py'\nmodel = dict(backbone=dict(depth=50))")
    mine = Config.fromfile(tmp_path / 'mine.py')
    assert mine.model.backbone.depth == 50
    assert mine.model.head == get_config(f'rsn_mm::rsn/{NAME}.py').model.head
