"""A folder of parts belongs to one cut of one manifest with the same settings."""

import json
import multiprocessing
import threading

import pytest

from rsn_mm.errors import DataError, OptionError, OutputError
from rsn_mm.files import written_whole
from rsn_mm.processes import locked_file
from rsn_mm.sharding import ShardSettings, prepare
from rsn_mm.sharding import plan as plans
from rsn_mm.sharding.sources import Manifest, Tars
from tests.sharding.jobs import rows_of, settings_of, write_manifest
from tests.sharding.test_archives import write_tar

SETTINGS = dict(checkpoint='0' * 64)


@pytest.fixture
def manifest(tmp_path):
    return write_manifest(tmp_path / 'm.jsonl', [dict(id=i, path=f'{i}.jpg') for i in range(10)])


def sizes(plan):
    return [shard.rows for shard in plan.shards]


@pytest.mark.parametrize('cut, expected', [
    ({}, [10]), (dict(shard_size=10), [10]), (dict(shard_size=4), [4, 4, 2]),
    (dict(num_shards=4), [2, 3, 2, 3]), (dict(num_shards=10), [1] * 10)])
def test_shards_hold_all_rows_in_order(tmp_path, manifest, cut, expected):
    plan = prepare(tmp_path / 'out', Manifest(manifest), SETTINGS, **cut)
    assert sizes(plan) == expected
    rows = [list(shard.read()) for shard in plan.shards]
    assert [len(each) for each in rows] == expected
    assert [row.id for each in rows for row in each] == [str(i) for i in range(10)]
    assert rows[-1][-1].file == str(tmp_path / '9.jpg') and rows[-1][-1].where == 'line 10'


@pytest.mark.parametrize('cut, message', [
    (dict(shard_size=0), 'shard_size=0, expected 1 or more'),
    (dict(num_shards=-1), 'num_shards=-1, expected 1 or more'),
    (dict(num_shards=11), 'num_shards=11, but .*m.jsonl has 10 rows'),
    (dict(num_shards=1, shard_size=1), 'shard_size and num_shards are both given')])
def test_bad_cuts(tmp_path, manifest, cut, message):
    with pytest.raises(OptionError, match=message):
        prepare(tmp_path / 'out', Manifest(manifest), SETTINGS, **cut)


def test_archives_are_shards(tmp_path):
    paths = [write_tar(tmp_path / f'{n}.tar', {f'{n}{i}.jpg': b'x' for i in range(2)})
             for n in range(3)]
    plan = prepare(tmp_path / 'out', Tars(paths), SETTINGS, num_shards=3)
    assert sizes(plan) == [None] * 3
    assert [[row.id for row in shard.read()] for shard in plan.shards] == [
        ['00', '01'], ['10', '11'], ['20', '21']]
    for cut in (dict(shard_size=3), dict(num_shards=2)):
        with pytest.raises(OptionError, match='but each of the 3 archives is a shard'):
            prepare(tmp_path / 'out', Tars(paths), SETTINGS, **cut)
    with pytest.raises(OutputError, match='parts of another run: archives was'):
        prepare(tmp_path / 'out', Tars(paths[:2]), SETTINGS)


def test_the_same_run_goes_on(tmp_path, manifest):
    first = prepare(tmp_path / 'out', Manifest(manifest), SETTINGS, shard_size=4)
    for cut in (dict(shard_size=4), {}):
        again = prepare(tmp_path / 'out', Manifest(manifest), SETTINGS, **cut)
        assert (again.checksum, sizes(again)) == (first.checksum, [4, 4, 2])


@pytest.mark.parametrize('change, message', [
    (dict(settings=dict(checkpoint='1' * 64)),
     r'out holds the parts of another run: checkpoint was 000000000000\.\.\., now 111111111111'),
    (dict(cut=dict(shard_size=5)), 'shard_size was 4, now 5'),
    (dict(cut=dict(num_shards=3)), 'shard_size was 4, now None; num_shards was None, now 3'),
    (dict(rows=[dict(id=1, path='1.jpg')]), 'manifest was '),
])
def test_another_run_is_refused(tmp_path, manifest, change, message):
    prepare(tmp_path / 'out', Manifest(manifest), SETTINGS, shard_size=4)
    if 'rows' in change:
        write_manifest(manifest, change['rows'])
    with pytest.raises(OutputError, match=message):
        prepare(tmp_path / 'out', Manifest(manifest), change.get('settings', SETTINGS),
                **change.get('cut', {}))


def test_a_folder_with_other_files_or_a_broken_plan_is_refused(tmp_path, manifest):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'part-00000.parquet').touch()
    with pytest.raises(OutputError, match='holds other files, such as part-00000.parquet'):
        prepare(tmp_path / 'out', Manifest(manifest), SETTINGS)
    plan = prepare(tmp_path / 'new', Manifest(manifest), SETTINGS)
    (plan.folder / plans.FOLDER / plans.PLAN).write_text('{}')
    with pytest.raises(DataError, match='plan.json is not a plan of shards'):
        prepare(tmp_path / 'new', Manifest(manifest), SETTINGS)


def test_nothing_is_cut_if_a_row_is_bad(tmp_path, manifest):
    with open(manifest, 'a') as file:
        file.write('{"id": 3, "path": "again.jpg"}\n')
    with pytest.raises(DataError, match="line 11: id '3' is that of line 4 too"):
        prepare(tmp_path / 'out', Manifest(manifest), SETTINGS)
    assert {path.name for path in (tmp_path / 'out').rglob('*')} == {'_job', 'plan.lock'}


@pytest.mark.parametrize('call', [1, 2, 3, 4])
def test_a_cut_that_was_interrupted_is_begun_anew(tmp_path, monkeypatch, manifest, call):
    calls = []

    def interrupted(*args, **kwargs):
        calls.append(args)
        if len(calls) == call:
            raise KeyboardInterrupt
        return written_whole(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(plans, 'written_whole', interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(tmp_path / 'out', Manifest(manifest), SETTINGS, shard_size=4)
    plan = prepare(tmp_path / 'out', Manifest(manifest), SETTINGS, shard_size=5)
    assert [row.id for shard in plan.shards for row in shard.read()] == list(map(str, range(10)))
    assert sizes(plan) == [5, 5]


def test_processes_that_prepare_at_the_same_time_wait_for_one_that_cuts(tmp_path, manifest):
    context = multiprocessing.get_context('fork')
    found = context.SimpleQueue()
    (tmp_path / 'out' / plans.FOLDER).mkdir(parents=True)
    others = [context.Process(target=lambda: found.put(sizes(prepare(
        tmp_path / 'out', Manifest(manifest), SETTINGS, shard_size=4)))) for _ in range(3)]
    with locked_file(tmp_path / 'out' / plans.FOLDER / plans.LOCK):
        for each in others:
            each.start()
        threading.Event().wait(0.2)
        assert found.empty()
    for each in others:
        each.join(20)
    assert [found.get() for _ in others] == [[4, 4, 2]] * 3


def test_what_the_results_depend_on(folder, tmp_path):
    first = settings_of(folder).identity()
    assert settings_of(folder, skip_errors=True).identity() == first
    for change in (dict(batch_size=3), dict(optimize='bf16'), dict(whole_image=True),
                   dict(runtime='onnxruntime'), dict(box_file=str(folder / 'persons.json'))):
        assert settings_of(folder, **change).identity() != first
    for name in ('tiny.py', 'tiny.pth'):  # the content counts, and neither place nor time
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert settings_of(tmp_path).identity() == first
    with open(tmp_path / 'tiny.pth', 'ab') as file:
        file.write(b'0')
    assert settings_of(tmp_path).identity()['checkpoint'] != first['checkpoint']
    base = tmp_path / 'base.py'
    base.write_text((tmp_path / 'tiny.py').read_text())
    (tmp_path / 'tiny.py').write_text("_base_ = ['base.py']\n")
    derived = settings_of(tmp_path).identity()['config']
    base.write_text(base.read_text().replace('flip_test=True', 'flip_test=False'))
    assert settings_of(tmp_path).identity()['config'] != derived


def test_workers_get_absolute_paths(folder, tmp_path, monkeypatch, manifest):
    monkeypatch.chdir(tmp_path)
    assert prepare('out', Manifest('m.jsonl'), SETTINGS).folder == tmp_path / 'out'
    monkeypatch.chdir(folder)
    settings = ShardSettings('tiny.py', 'tiny.pth', detector=('tiny.py', 'https://a/b.pth'))
    assert settings.absolute() == ShardSettings(
        str(folder / 'tiny.py'), str(folder / 'tiny.pth'),
        detector=(str(folder / 'tiny.py'), 'https://a/b.pth'))


def test_rows_of_a_shard_are_plain_json(tmp_path, manifest):
    plan = prepare(tmp_path / 'out', Manifest(manifest), SETTINGS)
    first = rows_of(plan.shards[0].file)[0]
    assert json.loads(json.dumps(first)) == dict(
        name='0.jpg', short='0.jpg', id='0', where='line 1', file=str(tmp_path / '0.jpg'))
