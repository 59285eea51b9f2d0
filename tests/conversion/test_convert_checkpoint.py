"""Files: what the tool prints, writes and refuses."""

import os
import runpy
import sys

import pytest
import torch
from mmengine.runner import load_checkpoint

from rsn_mm import checkpoints

from .samples import ROOT, build, mmpose_config, named_config, released

TOOL = str(ROOT / 'tools' / 'convert_checkpoint.py')


class Code:
    """What a malicious file is made of."""

    def __reduce__(self):
        return os.mkdir, ('executed', )


def mspn() -> dict:
    return dict(model=released('mspn50_coco'))


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the tool in an empty folder; gives what it prints, or the message it ends with."""
    monkeypatch.chdir(tmp_path)

    def run_tool(*words: str) -> str:
        monkeypatch.setattr(sys, 'argv', ['convert_checkpoint.py', *words])
        try:
            runpy.run_path(TOOL, run_name='__main__')
        except SystemExit as error:
            return f'{error}{capsys.readouterr().err}'
        return capsys.readouterr().out

    return run_tool


def test_released_file_to_ours_and_to_mmpose(run, tmp_path):
    torch.save(dict(model=released('rsn18x2_coco'), optimizer={}, iteration=96000), 'a.pth')
    printed = run('a.pth', 'folder/b.pth')
    assert 'config: configs/rsn/rsn18-released_coco-256x192.py\n' in printed
    assert ('with: --cfg-options model.backbone.num_stages=2 model.head.num_stages=2\n'
            in printed)
    assert 'source: rsn\n' in printed

    # What was printed is enough to go on from: the file says it too.
    checkpoint = checkpoints.read('folder/b.pth')
    meta = checkpoint['meta']
    assert meta['source'] == 'rsn' and meta['dataset_meta']['num_keypoints'] == 17
    model = build(named_config(meta))
    load_checkpoint(model, 'folder/b.pth', strict=True)
    assert os.listdir('folder') == ['b.pth']

    printed = run('folder/b.pth', 'c.pth', '--to', 'mmpose')
    assert 'config: none' in printed and 'bgr_to_rgb=False' in printed
    theirs = mmpose_config('2xrsn50')
    theirs.model.backbone.num_blocks = [2, 2, 2, 2]
    build(theirs, 'meta').load_state_dict(
        torch.load('c.pth', weights_only=True)['state_dict'], strict=True, assign=True)


def test_file_that_a_runner_loads_to_train_on(run):
    """``--cfg-options load_from=...``: every parameter and statistic is the converted one."""
    from mmengine.runner import Runner
    torch.save(dict(model=released('rsn18_coco')), 'a.pth')
    run('a.pth', 'b.pth')
    cfg = named_config(dict(config='configs/rsn/rsn18-released_coco-256x192.py',
                            cfg_options=['load_from=b.pth']))
    runner = Runner(model=build(cfg), work_dir='.', load_from=cfg.load_from,
                    default_scope='mmpose', experiment_name='converted', log_level='ERROR')
    before = {key: value.clone() for key, value in runner.model.state_dict().items()}
    runner.load_or_resume()
    converted = checkpoints.read('b.pth')['state_dict']
    state = runner.model.state_dict()
    assert state.keys() == converted.keys() == before.keys()
    assert all(state[key].equal(converted[key]) for key in state)
    assert any(not state[key].equal(before[key]) for key in state)
    loss = runner.model.train().head(runner.model.backbone(torch.randn(2, 3, 64, 64)))[-1][-1]
    loss.square().mean().backward()


def test_nothing_is_overwritten(run, tmp_path):
    torch.save(dict(model=released('mspn50_coco')), 'a.pth')
    (tmp_path / 'b.pth').write_text('mine')
    printed = run('a.pth', 'b.pth')
    assert 'b.pth is there already' in printed and '--force overwrites it' in printed
    assert (tmp_path / 'b.pth').read_text() == 'mine'
    assert 'config: configs/mspn/mspn50_coco' in run('a.pth', 'b.pth', '--force')
    printed = run('a.pth', 'a.pth', '--force')
    assert 'is the checkpoint to convert' in printed and 'overwrites' not in printed
    assert set(checkpoints.read('a.pth')) == {'model'}


@pytest.mark.parametrize('content, words, message', [
    (None, ['b.pth'], 'checkpoint a.pth does not exist'),
    (dict(model=Code()), ['b.pth'], 'checkpoint a.pth is refused: it holds more than weights'),
    # checkpoints that cannot be converted
    (dict(epoch=3), ['b.pth'], 'a.pth: the checkpoint has entries that are not tensors: epoch'),
    ([1, 2], ['b.pth'], 'a.pth: a list, expected a dict'),
    (mspn, ['b.pth', '--source', 'mmpose'],
     "a.pth: source 'mmpose', but the names are those of the released MSPN"),
    (mspn, ['b.pth', '--to', 'mmpose'], 'a.pth: MMPose has networks of units'),
    # destinations and options
    (mspn, ['.'], 'is a folder'),
    (mspn, ['a.pth/b.pth'], 'its folder cannot be made'),
    (None, ['b.pth', '--to', 'mmpose', '--source', 'rsn'], '--source is for'),
])
def test_bad_input(content, words, message, run, tmp_path):
    if content is not None:
        torch.save(content() if content is mspn else content, tmp_path / 'a.pth')
    assert message in run('a.pth', *words)
    assert not {'b.pth', 'executed'} & set(os.listdir(tmp_path))
    assert not list(tmp_path.glob('*.part'))
