"""The wheel: what it holds, and that all of it works in an empty folder far from the repository."""

import os
import subprocess
import sys
import zipfile
from textwrap import dedent

import pytest

from tests.fresh import ROOT

#: Builds the wheel as pip does, without a process of pip and without copying the repository.
BUILD = 'from setuptools import build_meta; import sys; build_meta.build_wheel(sys.argv[1])'

USE = '''
    from pathlib import Path

    import rsn_mm
    assert Path(rsn_mm.__file__).parents[1] == Path(SITE), rsn_mm.__file__

    from mmengine.config import Config
    from mmengine.hub import get_config
    from mmpose.apis import init_model
    from rsn_mm.cli.__main__ import main

    Path('mine.py').write_text(
        "_base_ = 'rsn_mm::rsn/rsn18_synthetic-128x96.py'\\n"
        "model = dict(backbone=dict(depth=50))")
    mine, theirs = Config.fromfile('mine.py'), get_config('rsn_mm::rsn/rsn18_coco-256x192.py')
    assert mine.model.backbone.type == 'rsn_mm.RSN' and mine.model.backbone.depth == 50
    assert theirs.model.backbone.depth == 18 and theirs.filename.startswith(SITE)
    assert type(init_model('mine.py', device='cpu')).__name__ == 'TopdownPoseEstimator'
    main(['flops', 'rsn18_synthetic-128x96', 'mine.py', '--markdown'])
    main(['config', 'rsn18_coco-256x192'])
'''


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """The wheel, built from a copy of links to the repository, where nothing is left behind."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    source.mkdir()
    for path in ROOT.iterdir():
        if path.name in ('rsn_mm', 'configs', 'tools', 'demo') or path.is_file():
            (source / path.name).symlink_to(path)
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', BUILD, str(folder)], cwd=source,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    path, = folder.glob('*.whl')
    return path


def test_wheel_carries_what_openmmlab_packages_carry(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {str(path.relative_to(ROOT)) for folder in ('configs', 'tools', 'demo')
                for path in (ROOT / folder).rglob('*')
                if path.suffix in ('.py', '.yml', '.sh') and '__pycache__' not in path.parts}
    assert len(expected) > 100
    assert {f'rsn_mm/.mim/{name}' for name in expected | {'model-index.yml'}} <= names
    assert not [name for name in names if '__pycache__' in name or name.startswith('tests/')]


def test_everything_works_from_the_wheel_in_an_empty_folder(wheel, tmp_path):
    site, empty = tmp_path / 'site', tmp_path / 'empty'
    empty.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    code = f'SITE = {str(site)!r}\n' + dedent(USE)
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=empty, text=True,
                          env={**os.environ, 'PYTHONPATH': str(site)}, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '| rsn18_synthetic-128x96 | 96x128 |' in done.stdout
    assert "type='rsn_mm.RSN'" in done.stdout
    assert [path.name for path in empty.iterdir()] == ['mine.py']
