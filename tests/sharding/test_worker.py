"""Workers write each part once and whole, whatever interrupts them, and predict as a predictor."""

import json
import logging
import multiprocessing
import os
import pickle
import time

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from rsn_mm.errors import DataError, OptionError, OutputError
from rsn_mm.prediction.job import Summary
from rsn_mm.sharding import ShardWorker, parts, prepare
from rsn_mm.sharding.parts import part_path
from rsn_mm.sharding.running import ShardActor, parts_of, run_here
from rsn_mm.sharding.sources import Manifest, Tars
from tests.sharding.jobs import IMAGES, rows_of, settings_of, write_manifest
from tests.sharding.test_archives import img2dataset_files, write_tar

JOINTS = 17


def plan_of(folder, out, name='manifest.jsonl', size=4, **changes):
    return prepare(out, Manifest(folder / name), settings_of(folder, **changes).identity(), size)


def do(settings, plan, numbers=None):
    numbers = range(len(plan.shards)) if numbers is None else numbers
    return dict(run_here(settings, plan, numbers, lambda number: None))


def contents(plan):
    return {path.name: path.read_bytes() for path in sorted(plan.folder.glob('*.parquet'))}


@pytest.fixture(scope='module')
def whole(folder, tmp_path_factory, kept_predictors):
    """All parts of an unbroken run, by name."""
    plan = plan_of(folder, tmp_path_factory.mktemp('whole') / 'out')
    do(settings_of(folder), plan)
    return contents(plan)


def test_parts_hold_what_the_predictor_finds(folder, tmp_path, kept_predictors):
    plan = plan_of(folder, tmp_path / 'out')
    found = do(settings_of(folder), plan)
    assert found == {0: Summary(4, 4, 0), 1: Summary(4, 5, 0), 2: Summary(2, 1, 0)}
    assert parts_of(plan) == found
    assert sorted(os.listdir(plan.folder)) == [
        '_job', *(f'part-{n:05d}.parquet' for n in range(3))]
    table = ds.dataset(plan.folder).to_table()  # does not stumble over _job
    rows = rows_of(folder / 'manifest.jsonl')
    assert table['id'].to_pylist() == [row['id'] for row in rows]
    assert table['image'].to_pylist() == [row['path'] for row in rows]
    assert len(json.loads(table.schema.metadata[b'joints'])) == JOINTS
    predictor = kept_predictors(str(folder / 'tiny.py'), str(folder / 'tiny.pth'), device='cpu',
                                dtype=None, runtime='torch')
    expected = predictor([folder / row['path'] for row in rows], [row['boxes'] for row in rows])
    for people, theirs in zip(table['people'].to_pylist(), expected):
        keypoints = np.array([each['keypoints'] for each in people]).reshape(-1, JOINTS, 3)
        np.testing.assert_allclose(keypoints[..., :2], theirs.keypoints, atol=1e-2)
        np.testing.assert_allclose([each['score'] for each in people], theirs.scores, atol=1e-4)


def test_members_of_archives(folder, tmp_path, whole):
    """Half of the images are in an archive; all else is equal."""
    rows = rows_of(folder / 'manifest.jsonl')
    write_tar(folder / 'half.tar', {f'in/{row["path"]}': (folder / row['path']).read_bytes()
                                    for row in rows[::2]})
    rows[::2] = [{**row, 'path': 'half.tar', 'member': f'in/{row["path"]}'} for row in rows[::2]]
    write_manifest(folder / 'half.jsonl', rows)
    plan = plan_of(folder, tmp_path / 'out', 'half.jsonl')
    do(settings_of(folder), plan)
    table = ds.dataset(plan.folder).to_table()
    unbroken = pa.concat_tables(pq.read_table(pa.BufferReader(data)) for data in whole.values())
    assert table['people'].equals(unbroken['people']) and table['id'].equals(unbroken['id'])
    assert table['image'].to_pylist()[:2] == ['half.tar/in/001.png', '002.png']


def test_archives_of_img2dataset(folder, tmp_path, caplog):
    images = {f'{n:05d}{i:04d}': (folder / f'{3 * n + i + 1:03d}.png').read_bytes()
              for n in range(2) for i in range(3)}
    paths = [write_tar(tmp_path / f'{n:05d}.tar', {
        **img2dataset_files({key: data for key, data in images.items() if key[:5] == f'{n:05d}'}),
        **({'late.txt': b'no image'} if n else {})}) for n in range(2)]
    settings = settings_of(folder, whole_image=True, skip_errors=True)
    plan = prepare(tmp_path / 'out', Tars(paths), settings.identity())
    assert do(settings, plan) == {0: Summary(3, 3, 0), 1: Summary(3, 3, 1)}
    table = ds.dataset(plan.folder).to_table()
    assert table['id'].to_pylist() == [*images, 'late']
    assert table['image'].to_pylist()[0] == f'{paths[0]}/000000000.jpg'
    assert table['width'].to_pylist() == [100] * 6 + [None]
    assert 'sample late: ' in caplog.text and 'the file is empty' in caplog.text
    with pytest.raises(DataError, match='2 archives, sample late: .*the file is empty'):
        do(settings_of(folder, whole_image=True),
           prepare(tmp_path / 'strict', Tars(paths), settings.identity()))


# ---------------------------------------------------------------------------------- interruptions


def killed_at(point, folder, plan, numbers):
    """Do shards in a process that dies at a point: a function of a module, and which call of it."""
    module, name, call = point

    def work():
        original, calls = getattr(module, name), []

        def dying(*args, **kwargs):
            calls.append(0)
            if len(calls) == call:
                os._exit(9)
            return original(*args, **kwargs)

        setattr(module, name, dying)
        do(settings_of(folder), plan, numbers)

    process = multiprocessing.get_context('fork').Process(target=work)
    process.start()
    process.join(60)
    return process.exitcode


@pytest.mark.parametrize('point, num_parts', [
    ((parts, 'write_rows', 1), 0), ((os, 'fsync', 1), 0), ((os, 'replace', 1), 0),
    ((os, 'replace', 2), 0), ((os, 'replace', 3), 1), ((parts, 'write_rows', 3), 2)],
    ids=lambda value: f'{value[1]}-{value[2]}' if isinstance(value, tuple) else '')
def test_a_killed_run_goes_on_and_gives_the_same(folder, tmp_path, whole, point, num_parts):
    plan = plan_of(folder, tmp_path / 'out')
    assert killed_at(point, folder, plan, None) == 9
    there = contents(plan)
    assert len(there) == num_parts and there.items() <= whole.items()
    done = do(settings_of(folder), plan)
    assert [done[n] is None for n in range(3)] == [n < num_parts for n in range(3)]
    assert contents(plan) == whole
    assert not [*(plan.folder / '_job').glob('part-*')]


def test_two_workers_never_do_the_same_shard(folder, tmp_path, whole):
    plan = plan_of(folder, tmp_path / 'out')
    context = multiprocessing.get_context('fork')
    queue = context.SimpleQueue()

    def work():
        queue.put(do(settings_of(folder), plan))

    workers = [context.Process(target=work) for _ in range(3)]
    for each in workers:
        each.start()
    found = [queue.get() for _ in workers]
    for each in workers:
        each.join(60)
    for number in range(3):
        assert sum(each[number] is not None for each in found) == 1
    assert contents(plan) == whole


def test_a_part_that_somebody_else_writes_is_left_alone(folder, tmp_path):
    plan = plan_of(folder, tmp_path / 'out')
    with parts.claimed(plan, 1) as ours:
        assert ours
        assert do(settings_of(folder), plan) == {
            0: Summary(4, 4, 0), 1: None, 2: Summary(2, 1, 0)}
    assert 'part-00001.parquet' not in contents(plan)
    assert do(settings_of(folder), plan, [1]) == {1: Summary(4, 5, 0)}


def test_parts_of_another_run_are_refused_and_stay(folder, tmp_path):
    plan = plan_of(folder, tmp_path / 'out')
    other = plan_of(folder, tmp_path / 'other', batch_size=3)
    do(settings_of(folder, batch_size=3), other, [0])
    foreign = contents(other)['part-00000.parquet']
    for data, message in ((foreign, 'part-00000.parquet is part 0 of another run'),
                          (foreign[:-9], 'part-00000.parquet is no part of this package'),
                          (b'', 'part-00000.parquet is no part of this package')):
        part_path(plan, 0).write_bytes(data)
        with pytest.raises(OutputError, match=message):
            do(settings_of(folder), plan, [0])
        assert part_path(plan, 0).read_bytes() == data
    part_path(plan, 0).unlink()
    do(settings_of(folder), plan, [0])
    part_path(plan, 0).rename(part_path(plan, 1))
    with pytest.raises(OutputError, match='part-00001.parquet is part 0 of another run'):
        parts_of(plan)


# --------------------------------------------------------------------------------------- bad images


@pytest.mark.parametrize('row, message', [
    (dict(path='no.png', boxes=[]), 'line 3: .*no.png does not exist'),
    (dict(path='manifest.jsonl', boxes=[]), 'line 3: manifest.jsonl: .* that are not an image'),
    (dict(path='no.tar', member='a.png', boxes=[]), 'line 3: .*no.tar does not exist'),
    (dict(path='001.png', boxes=[[200, 3, 300, 40]]), 'line 3: 001.png: box 0 .* outside the'),
])
def test_bad_images(folder, tmp_path, caplog, row, message):
    rows = rows_of(folder / 'manifest.jsonl')[:4]
    rows[2] = dict(id='bad', **row)
    write_manifest(folder / 'bad.jsonl', rows)
    plan = plan_of(folder, tmp_path / 'out', 'bad.jsonl')
    with pytest.raises(DataError, match=f'bad.jsonl, {message}'):
        do(settings_of(folder), plan)
    assert not contents(plan) and not [*(plan.folder / '_job').glob('*.parquet*')]
    with caplog.at_level(logging.WARNING):
        assert do(settings_of(folder, skip_errors=True), plan) == {0: Summary(3, 4, 1)}
    assert 'skipped: ' in caplog.text
    found = ds.dataset(plan.folder).to_table().to_pylist()
    assert [row['id'] for row in found] == ['id1', 'id2', 'bad', 'id4']
    assert found[2]['people'] is None and found[2]['error'] and found[1]['error'] is None


def test_a_box_file_that_names_no_image_is_told(folder, tmp_path, caplog):
    (tmp_path / 'boxes.csv').write_text('image,x1,y1,x2,y2\nother.png,1,2,30,40\n')
    write_manifest(folder / 'bare.jsonl', [dict(id=1, path='001.png')])
    settings = settings_of(folder, box_file=str(tmp_path / 'boxes.csv'))
    plan = prepare(tmp_path / 'out', Manifest(folder / 'bare.jsonl'), settings.identity())
    assert do(settings, plan) == {0: Summary(1, 0, 0)}
    assert 'boxes.csv has boxes for none of the images, for example not for 001.png' in caplog.text


# ---------------------------------------------------------------------- actors and map_batches


def test_an_actor_travels_and_says_which_shard_it_has_done(folder, tmp_path, whole):
    """What Ray does: the class, its settings and the plan are pickled; methods are called."""
    kind, settings, plan = pickle.loads(pickle.dumps(
        (ShardActor, settings_of(folder), plan_of(folder, tmp_path / 'out'))))
    actor = kind(settings)
    actor.load()
    assert [actor.run_shard(plan, n) for n in (2, 0, 2, 1)] == [
        (2, Summary(2, 1, 0)), (0, Summary(4, 4, 0)), (2, None), (1, Summary(4, 5, 0))]
    assert contents(plan) == whole


def test_tables_become_tables(folder, whole):
    """As ``ray.data.map_batches`` calls a worker: with parts of a manifest, in any order."""
    rows = [{**row, 'path': str(folder / row['path']), 'extra': 1}
            for row in rows_of(folder / 'manifest.jsonl')]
    worker = ShardWorker(settings_of(folder))
    tables = [worker(pa.Table.from_pylist(rows[start:start + 4])) for start in (0, 4, 8)]
    unbroken = pa.concat_tables(pq.read_table(pa.BufferReader(data)) for data in whole.values())
    found = pa.concat_tables(tables)
    assert found.num_rows == IMAGES and found.schema.names == unbroken.schema.names
    assert found['people'].equals(unbroken['people']) and found['id'].equals(unbroken['id'])
    assert worker(pa.Table.from_pylist(rows).slice(0, 0)).num_rows == 0


@pytest.mark.parametrize('changes, rows, error, message', [
    ({}, [dict(id=1, path='1.jpg')], OptionError, 'the batch has no boxes'),
    (dict(whole_image=True), [dict(id=1, path='1.jpg', boxes=[[1, 2, 3, 4]])], OptionError,
     'the batch has boxes; remove them'),
    (dict(whole_image=True), [dict(id=1, path=None)], DataError, 'id 1: path is None'),
    (dict(whole_image=True), [dict(id=1, path='/no.jpg')], DataError, 'batch, id 1: /no.jpg does'),
])
def test_bad_tables(folder, changes, rows, error, message):
    with pytest.raises(error, match=message):
        ShardWorker(settings_of(folder, **changes))(pa.Table.from_pylist(rows))


def test_a_worker_writes_nothing_before_its_part_is_whole(folder, tmp_path, monkeypatch):
    """Seen from outside at every write, the folder holds whole parts only."""
    plan, seen = plan_of(folder, tmp_path / 'out'), []
    original = parts.write_rows

    def watched(file, records, *rest):
        original(file, (seen.append(set(os.listdir(plan.folder))) or each for each in records),
                 *rest)

    monkeypatch.setattr(parts, 'write_rows', watched)
    started = time.time()
    do(settings_of(folder), plan)
    assert time.time() - started < 30 and len(seen) == IMAGES
    assert seen[0] == {'_job'} and seen[-1] == {'_job', 'part-00000.parquet', 'part-00001.parquet'}
