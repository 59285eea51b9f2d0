"""The tools that run in a second, and the help of all."""

import json
import subprocess

import cv2
import numpy as np
import pytest

from rsn_mm.cli.sample_pictures import draw_person
from tests.tools.tiny_run import ROOT, call, environment, write_run

TOOLS = sorted(path.name for path in (ROOT / 'tools').glob('*.py'))
SCRIPTS = {'dist_train.sh': 'CONFIG', 'dist_test.sh': 'CONFIG', 'slurm_train.sh': 'CONFIG',
           'slurm_test.sh': 'CONFIG', 'slurm_predict.sh': 'NUM_SHARDS'}


@pytest.mark.parametrize('tool', TOOLS)
def test_help_tells_what_it_is_for(tool, capsys):
    assert call(tool, '--help') == 0
    text = capsys.readouterr().out
    assert text.startswith(f'usage: {tool}') and len(text) > 200


@pytest.mark.parametrize('script, argument', SCRIPTS.items())
def test_scripts_without_arguments_tell_their_usage(script, argument):
    done = subprocess.run(['bash', ROOT / 'tools' / script, 'one'], text=True, capture_output=True)
    assert done.returncode == 2
    assert f'tools/{script} ' in done.stderr and argument in done.stderr
    assert done.stdout == ''


@pytest.fixture
def shown(tmp_path):
    """A folder whose programs print what they were called with, and a function that calls."""
    for name in ('srun', 'sbatch', 'python'):
        program = tmp_path / name
        program.write_text('#!/bin/sh\necho "$MASTER_PORT" "${PYTHONPATH%%/..*}" "$@"\n')
        program.chmod(0o755)

    def show(script, *args, **env):
        env = {**environment(), 'PATH': f'{tmp_path}:/usr/bin:/bin', 'PYTHON': 'python', **env}
        return subprocess.run(['bash', ROOT / 'tools' / script, *args], env=env, text=True,
                              capture_output=True, check=True).stdout.strip()
    return show


TOOLS_DIR = ROOT / 'tools'


@pytest.mark.parametrize('script, args, env, expected', [
    ('dist_train.sh', ('a b.py', '4', '--amp'), {},
     f'-m torch.distributed.run --nnodes=1 --node_rank=0 --nproc_per_node=4 '
     f'--master_addr=127.0.0.1 --master_port=29500 {TOOLS_DIR}/train.py a b.py '
     '--launcher pytorch --amp'),
    ('dist_test.sh', ('a.py', 'b.pth', '8'),
     dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='first', PORT='1234'),
     f'-m torch.distributed.run --nnodes=2 --node_rank=1 --nproc_per_node=8 --master_addr=first '
     f'--master_port=1234 {TOOLS_DIR}/test.py a.py b.pth --launcher pytorch'),
    ('slurm_train.sh', ('part', 'job', 'a.py', 'dir', '--resume'), dict(PORT='1234'),
     f'1234 {TOOLS_DIR} --partition=part --job-name=job --ntasks=8 --gres=gpu:8 '
     '--ntasks-per-node=8 --cpus-per-task=5 --kill-on-bad-exit=1 python -u '
     f'{TOOLS_DIR}/train.py a.py --work-dir dir --launcher slurm --resume'),
    ('slurm_test.sh', ('part', 'job', 'a.py', 'b.pth'),
     dict(GPUS='16', GPUS_PER_NODE='4', CPUS_PER_TASK='2', SRUN_ARGS='--time=1 --mem=2'),
     f'29500 {TOOLS_DIR} --partition=part --job-name=job --ntasks=16 --gres=gpu:4 '
     '--ntasks-per-node=4 --cpus-per-task=2 --kill-on-bad-exit=1 --time=1 --mem=2 python -u '
     f'{TOOLS_DIR}/test.py a.py b.pth --launcher slurm'),
    ('slurm_train.sh', ('part', 'job', 'a.py', 'dir'), dict(GPUS='4', GPUS_PER_NODE='0'),
     f'29500 {TOOLS_DIR} --partition=part --job-name=job --ntasks=4 --cpus-per-task=5 '
     f'--kill-on-bad-exit=1 python -u {TOOLS_DIR}/train.py a.py --work-dir dir --launcher slurm'),
    ('slurm_predict.sh', ('part', 'job', '20', '--manifest', 'a b.csv'), {},
     f'{TOOLS_DIR} --partition=part --job-name=job --array=0-19 --gres=gpu:1 --cpus-per-task=5 '
     f'--wrap=exec python -u {TOOLS_DIR}/predict.py --manifest a\\ b.csv --num-shards 20 '
     '--shard $SLURM_ARRAY_TASK_ID'),
    ('slurm_predict.sh', ('part', 'job', '20', '--manifest', 'a.csv'),
     dict(GPUS='0', ARRAY='3,17', SBATCH_ARGS='--time=1 --mem=2'),
     '--array=3,17 --cpus-per-task=5 --time=1 --mem=2 --wrap=exec python -u '
     f'{TOOLS_DIR}/predict.py --manifest a.csv --num-shards 20 --shard $SLURM_ARRAY_TASK_ID'),
])
def test_scripts_start_what_they_say(shown, script, args, env, expected):
    assert shown(script, *args, **env).endswith(expected)


# ------------------------------------------------------------------------------------ print_config


def test_print_config_shows_changes_and_can_be_read_again(tmp_path, capsys):
    config = write_run(tmp_path)
    assert call('print_config.py', config, '--cfg-options', 'train_cfg.max_epochs=7',
                'model.head.decoder.kernel_sizes=9,7,5,3,3') is None
    found = {}
    exec(capsys.readouterr().out, found)
    assert found['train_cfg'] == dict(by_epoch=True, max_epochs=7, val_interval=3)
    assert found['model']['head']['decoder']['kernel_sizes'] == [9, 7, 5, 3, 3]


# ----------------------------------------------------------------------------------- browse_dataset


def colors(picture, bgr, tolerance=40):
    """Share of the pixels of a color; JPEG changes it a little."""
    return (abs(picture.astype(int) - bgr).max(-1) < tolerance).mean()


@pytest.mark.parametrize('phase', ['train', 'val'])
@pytest.mark.parametrize('mode, panels', [('original', 1), ('transformed', 1), ('targets', 6)])
def test_browsing_draws_joints_by_their_flags(tmp_path, capsys, phase, mode, panels):
    config = write_run(tmp_path)
    persons = json.loads((tmp_path / 'persons.json').read_text())
    for annotation in persons['annotations'][1:]:
        annotation['keypoints'][2::3] = [1] * 17
    (tmp_path / 'persons.json').write_text(json.dumps(persons))
    out = tmp_path / 'out'
    assert call('browse_dataset.py', config, '--mode', mode, '--phase', phase, '--number', 2,
                '--out-dir', out) is None
    assert capsys.readouterr().out.splitlines()[-1] == f'2 pictures in {out}'
    assert sorted(path.name for path in out.iterdir()) == [
        '00000_001_101.jpg', '00001_016_116.jpg']
    mixed, occluded = (cv2.imread(str(path))[:512] for path in sorted(out.iterdir()))
    width = 640 if mode == 'original' else 384
    assert mixed.shape == (512, width * panels, 3)
    green, orange = (80, 220, 60), (0, 150, 255)
    first = mixed[:, :width], occluded[:, :width]
    # 11 of 17 joints are visible in the first person, none in the last; of 10 pixels across.
    assert colors(first[0], green) > 2 * colors(first[0], orange) > 0
    assert colors(first[1], orange) > 2e-3 and colors(first[1], green) < 1e-4
    if mode == 'targets':
        bright = [colors(mixed[:, width * i:width * (i + 1)], (164, 255, 252), 60)
                  for i in range(1, 6)]
        spread = [(mixed[:, width * i:width * (i + 1), 2] > 120).mean() for i in range(1, 6)]
        assert min(bright) > 0
        assert all(a > b for a, b in zip(spread, spread[1:]))  # coarse to fine


def test_browsing_the_same_seed_draws_the_same(tmp_path):
    config = write_run(tmp_path)
    augment = config.read_text().replace(
        "    affine,\n    dict(type='Gen", "    dict(type='RandomBBoxTransform'), affine,\n"
        "    dict(type='Gen")
    assert augment != config.read_text()
    config.write_text(augment)
    pictures = []
    for name, seed in (('a', 1), ('b', 1), ('c', 2)):
        call('browse_dataset.py', config, '--mode', 'transformed', '--number', 1, '--seed', seed,
             '--out-dir', tmp_path / name)
        pictures.append(cv2.imread(str(next((tmp_path / name).iterdir()))))
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


@pytest.mark.parametrize('args, message', [
    (('no.py', ), 'config no.py does not exist'),
    (('tiny.py', '--number', 0), '--number 0: expected 1 or more'),
    (('tiny.py', '--out-dir', '.'), '. holds files already'),
    (('tiny.py', '--phase', 'test', '--cfg-options', 'test_dataloader=None'),
     'has no test_dataloader'),
    (('tiny.py', '--cfg-options', 'model.head.decoder=None'), '--mode targets draws what'),
    (('tiny.py', '--cfg-options', 'train_dataloader.dataset.ann_file=no.json'),
     'no.json does not exist'),
])
def test_browsing_says_what_it_cannot_do(tmp_path, monkeypatch, args, message):
    write_run(tmp_path)
    monkeypatch.chdir(tmp_path)
    code = call('browse_dataset.py', *args)
    assert str(code).startswith('browse_dataset.py: error: ') and message in code


def test_names_are_written_beside_the_joints_that_have_a_place():
    sample = dict(keypoints_visible=np.array([[2, 0]]), skeleton_links=[],
                  keypoints=np.array([[[10., 20.], [0., 0.]]]))
    image = np.full((60, 90, 3), 90, np.uint8)
    plain, named = (draw_person(image, sample, sample['keypoints'][0], 2., names)
                    for names in ((), ('nose', 'tail')))
    rows, columns = np.nonzero((plain != named).any(-1))
    assert 25 < columns.min() and columns.max() < 70  # right of the joint at 20, 40
    assert 30 < rows.min() and rows.max() < 52
