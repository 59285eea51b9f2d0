"""The command of docs/evaluation.md for test-challenge, which has no option of its own."""

import json
import re
import shlex

import pytest

from tests.tools.tiny_run import ROOT, call


class Stop(Exception):
    pass


def test_the_documented_command_tests_on_all_of_test2017(monkeypatch, tmp_path):
    page = (ROOT / 'docs' / 'evaluation.md').read_text()
    section = page.split('## COCO test-challenge')[1]
    command = re.search(r'```bash\n\.venv/bin/python tools/(.*)\n```', section)[1]
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    (tmp_path / 'work_dirs').mkdir()
    (tmp_path / 'work_dirs' / 'test_persons.json').write_text(json.dumps([]))
    monkeypatch.chdir(tmp_path)

    def stop(cfg, verbose):
        raise Stop(cfg)

    monkeypatch.setattr('rsn_mm.cli.test.build_runner', stop)
    with pytest.raises(Stop) as stopped:
        call(*shlex.split(command))
    cfg = stopped.value.args[0]
    dataset = cfg.test_dataloader.dataset
    assert dataset.data_root == 'data/coco/'
    assert dataset.ann_file == 'annotations/image_info_test2017.json'
    assert dataset.data_prefix.img == 'test2017/'
    assert dataset.bbox_file == 'work_dirs/test_persons.json'
    metric, = cfg.test_evaluator
    assert (metric.type, metric.format_only) == ('rsn_mm.CocoMetric', True)
    assert metric.ann_file == 'data/coco/annotations/image_info_test2017.json'
    assert 'test-challenge2017' in metric.result_file
