"""Weights to begin from."""

from pathlib import Path

import pytest

from rsn_mm.cli.train import build_parser, configure
from rsn_mm.errors import CommandError
from tests.tools.tiny_run import ROOT

CONFIG = str(ROOT / 'configs' / 'rsn' / 'rsn18_synthetic-128x96.py')


def configured(work_dir: Path, *options: str):
    return configure(build_parser().parse_args([CONFIG, '--work-dir', str(work_dir), *options]))


def test_from_begins_a_new_run_with_the_weights(tmp_path):
    cfg = configured(tmp_path, '--from', 'demo.pth')
    assert cfg.load_from == 'demo.pth' and not cfg.resume
    cfg = configured(tmp_path, '--from', 'demo.pth', '--resume')  # there is nothing to go on from
    assert cfg.load_from == 'demo.pth' and not cfg.resume
    assert configured(tmp_path).load_from is None


def test_from_and_a_checkpoint_to_resume_exclude_each_other(tmp_path):
    with pytest.raises(CommandError, match='--from a.pth and --resume b.pth'):
        configured(tmp_path, '--from', 'a.pth', '--resume', 'b.pth')
