"""rsn-mm predict with a manifest: what it prints, its exit codes, and wrong command lines."""

import json
import sys
from functools import cache
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from rsn_mm.apis import Predictor
from rsn_mm.cli import predict
from rsn_mm.sharding import worker
from rsn_mm.sharding.parts import claimed
from rsn_mm.sharding.plan import read_plan
from tests.sharding.jobs import rows_of, write_job, write_manifest


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('predict_shards')
    write_job(folder)
    rows = rows_of(folder / 'manifest.jsonl')
    write_manifest(folder / 'bad.jsonl', [*rows[:3], dict(id='bad', path='no.png', boxes=[])])
    (folder / 'boxes.csv').write_text('image,x1,y1,x2,y2,score\n' + ''.join(
        f'{row["path"]},{",".join(map(str, box))}\n' for row in rows for box in row['boxes']))
    return folder


@pytest.fixture(scope='module')
def kept_predictors():
    return cache(Predictor)


@pytest.fixture
def run(folder, tmp_path, monkeypatch, kept_predictors, capsys):
    """Runs the command in an empty folder; returns its exit status or message, and its output."""
    monkeypatch.chdir(tmp_path)
    for module in (predict, worker):
        monkeypatch.setattr(module, 'Predictor', kept_predictors)

    def run(*args):
        capsys.readouterr()
        try:
            predict.main(['--model', str(folder / 'tiny.py'), str(folder / 'tiny.pth'), '--device',
                          'cpu', '--batch-size', '2', *map(str, args)])
            status = 0
        except SystemExit as exit_:
            status = exit_.code
        return status, capsys.readouterr()

    return run


def test_the_same_people_as_without_shards(run, folder):
    """With shards of whole batches, to the last digit."""
    status, shown = run('--manifest', folder / 'manifest.jsonl', '--output', 'out',
                        '--shard-size', 4)
    assert status == 0 and shown.out == '10 people in 10 images, 0 skipped: 3 of 3 parts in out\n'
    assert '10/10' in shown.err
    images = [folder / row['path'] for row in rows_of(folder / 'manifest.jsonl')]
    assert run(*images, '--boxes', folder / 'boxes.csv', '--output', 'plain.parquet')[0] == 0
    assert ds.dataset('out').to_table()['people'].equals(pq.read_table('plain.parquet')['people'])


def test_single_shards_and_what_is_there_already(run, folder):
    args = '--manifest', folder / 'manifest.jsonl', '--output', 'out', '--num-shards', 5
    assert run(*args, '--shard', 3)[1].out == '3 people in 2 images, 0 skipped: part 3 in out\n'
    assert sorted(path.name for path in Path('out').iterdir()) == ['_job', 'part-00003.parquet']
    time = Path('out/part-00003.parquet').stat().st_mtime_ns
    assert run(*args)[1].out == '10 people in 10 images, 0 skipped: 5 of 5 parts in out\n'
    assert Path('out/part-00003.parquet').stat().st_mtime_ns == time
    status, shown = run(*args)
    assert status == 0 and '5 of 5 parts' in shown.out and shown.err == ''
    status, _ = run(*args, '--shard', 5)
    assert 'error: --shard 5: there are 5 shards, expected 0 to 4' in status
    status, _ = run('--manifest', folder / 'bad.jsonl', '--output', 'out')
    assert 'out holds the parts of another run: manifest was ' in status
    assert status.endswith('choose another folder')


def test_parts_that_others_write(run, folder):
    args = '--manifest', folder / 'manifest.jsonl', '--output', 'out', '--shard-size', 4
    assert run(*args, '--shard', 2)[0] == 0
    with claimed(read_plan(Path('out')), 0):
        status, shown = run(*args)
    assert status == 75 and shown.out == '6 people in 6 images, 0 skipped: 2 of 3 parts in out\n'
    assert 'the rest is being written by other processes' in shown.err
    assert run(*args)[0] == 0


def test_bad_images(run, folder):
    args = '--manifest', folder / 'bad.jsonl', '--output', 'out'
    status, _ = run(*args)
    assert 'bad.jsonl, line 4: ' in status and status.endswith('no.png does not exist')
    status, shown = run(*args, '--skip-errors')
    assert status == 3 and shown.out == '3 people in 3 images, 1 skipped: 1 of 1 parts in out\n'
    assert run(*args)[0] == 3


MANIFEST = '--manifest', 'm.jsonl', '--output', 'out'


@pytest.mark.parametrize('args, message', [
    (('--manifest', 'm.jsonl'), '--manifest and --webdataset need --output DIR'),
    ((*MANIFEST, 'photo.jpg'), 'INPUT photo.jpg is given in addition to'),
    ((*MANIFEST, '--webdataset', 'a.tar'), 'not allowed with argument --manifest'),
    ((*MANIFEST, '--shard', '0', '--ray'), 'not allowed with argument --shard'),
    ((*MANIFEST, '--shard-size', '1', '--num-shards', '1'), 'not allowed with argument'),
    ((*MANIFEST, '--workers', '2'), '--workers needs --ray'),
    ((*MANIFEST, '--draw', 'x'), '--draw is not for --manifest or --webdataset'),
    ((*MANIFEST, '--draw-thr', '0'), '--draw-thr is not for --manifest'),
    ((*MANIFEST, '--force'), '--force is not for --manifest'),
    (('photo.jpg', '--whole-image', '--shard-size', '2'), '--shard-size needs --manifest'),
    (('photo.jpg', '--whole-image', '--shard', '0'), '--shard needs --manifest'),
    (('photo.jpg', '--whole-image', '--ray'), '--ray needs --manifest'),
    (('photo.jpg', ), '--model CONFIG CHECKPOINT needs --detector, --boxes or --whole-image'),
    (('--whole-image', ), 'the following arguments are required: INPUT')])
def test_wrong_command_lines(run, args, message):
    status, shown = run(*args)
    assert status == 2 and message in shown.err


@pytest.mark.parametrize('args, package, message', [
    ((*MANIFEST, '--workers', '0', '--ray'), None, '--workers 0: expected 1 or more'),
    ((*MANIFEST, '--batch-size', '0'), None, '--batch-size 0: expected 1 or more'),
    ((*MANIFEST, '--whole-image'), None, 'm.jsonl has boxes; remove them'),
    (('--webdataset', 'a.tar', '--output', 'out'), None, '--webdataset has no boxes'),
    ((*MANIFEST, '--ray'), 'ray', "--ray needs the package ray, .*rsn_mm[ray]"),
    ((*MANIFEST, ), 'pyarrow.parquet', "needs the package pyarrow.parquet, .*rsn_mm[parquet]"),
    (('--webdataset', 'a.tar', '--output', 'out'), 'webdataset.tariterators',
     'rsn_mm[webdataset]')])
def test_refusals(run, monkeypatch, args, package, message):
    write_manifest(Path('m.jsonl'), [dict(id=1, path='1.png', boxes=[])])
    Path('a.tar').write_bytes(bytes(1024))
    if package:
        monkeypatch.setitem(sys.modules, package, None)
    status, _ = run(*args)
    for part in message.split('.*'):
        assert part in status, json.dumps(status)
