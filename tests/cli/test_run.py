"""rsn-mm run: scripts of MMPose, as they are, on our configs."""

import sys

import cv2
import pytest

from rsn_mm.cli.run import main
from tests.tools.tiny_run import write_run, write_weights


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    config = write_run(folder)
    (folder / 'small.py').write_text(
        "_base_ = 'rsn_mm::rsn/rsn18_synthetic-128x96.py'\n"
        'model = dict(backbone=dict(num_blocks=(1, 1, 1, 1)))\n')
    for each in (config, folder / 'small.py'):
        write_weights(each)
    return folder


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, 'argv', sys.argv)
    monkeypatch.setattr(sys, 'path', list(sys.path))


def test_mmposes_demo_of_images(folder):
    main(['mmpose::demo/image_demo.py', '001.png', 'small.py', 'small.pth', '--out-file',
          'out.jpg', '--device', 'cpu', '--kpt-thr', '0'])
    drawn, plain = cv2.imread('out.jpg'), cv2.imread('001.png')
    assert drawn.shape == plain.shape and cv2.absdiff(drawn, plain).max() > 50


def test_mmposes_inferencer(folder):
    main(['mmpose::demo/inferencer_demo.py', '001.png', '--pose2d', 'small.py',
          '--pose2d-weights', 'small.pth', '--det-model', 'whole_image', '--device', 'cpu',
          '--pred-out-dir', 'found'])
    assert (folder / 'found' / '001.json').exists()


def test_mmposes_test(folder, capsys):
    main(['mmpose::tools/test.py', 'tiny.py', 'tiny.pth', '--work-dir', 'theirs', '--dump',
          'found.pkl'])
    assert (folder / 'found.pkl').exists()


def test_a_script_gets_its_arguments_and_its_folder(folder, capsys):
    (folder / 'scripts').mkdir()
    (folder / 'scripts' / 'beside.py').write_text('VALUE = 7')
    (folder / 'scripts' / 'mine.py').write_text(
        'import sys, beside\nprint(__name__, beside.VALUE, sys.argv[1:])\nsys.exit(4)')
    with pytest.raises(SystemExit) as end:
        main(['scripts/mine.py', '--help', 'x'])
    assert end.value.code == 4
    assert capsys.readouterr().out == "__main__ 7 ['--help', 'x']\n"


@pytest.mark.parametrize('script, message', [
    ('mmpose::demo/nothing.py', r'nothing.py does not exist'),
    ('no_such_package::a.py', 'the package no_such_package is not installed'),
    ('no.such::a.py', 'the package no.such is not installed'),
    ('nothing.py', 'script nothing.py does not exist'),
])
def test_scripts_that_are_not_there(script, message):
    with pytest.raises(SystemExit, match=message):
        main([script])
