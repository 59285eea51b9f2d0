"""Manifests in three formats hold the same rows, and bad ones are refused with the place."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rsn_mm.errors import RsnMmError
from rsn_mm.sharding.sources import Manifest, Tars

ROWS = [dict(id='a', path='photos/1.jpg', member=None, boxes=[[1.5, 2, 30, 40]]),
        dict(id='b', path='x.tar', member='in/2.jpg', boxes=[]),
        dict(id='ü', path='/away/3.jpg', member=None,
             boxes=[[1, 2, 3, 4, 0.5], [5, 6, 7, 8, 0.25]])]


def write(folder, ending, rows=ROWS):
    path = folder / f'manifest.{ending}'
    if ending == 'jsonl':
        path.write_text('\n'.join(map(json.dumps, rows)) + '\n\n')
    elif ending == 'parquet':
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with open(path, 'w', newline='') as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows({**row, 'boxes': json.dumps(row['boxes'])} for row in rows)
    return path


@pytest.mark.parametrize('ending, places', [
    ('jsonl', ['line 1', 'line 2', 'line 3']), ('csv', ['line 2', 'line 3', 'line 4']),
    ('parquet', ['row 0', 'row 1', 'row 2'])])
def test_formats_hold_the_same_rows(tmp_path, ending, places):
    manifest = Manifest(write(tmp_path, ending))
    rows = list(manifest.rows())
    assert manifest.has_boxes and manifest.check() == 3
    assert [row.where for row in rows] == places
    assert [row.id for row in rows] == ['a', 'b', 'ü']
    assert [row.name for row in rows] == ['photos/1.jpg', 'x.tar/in/2.jpg', '/away/3.jpg']
    assert [row.file for row in rows] == [
        str(tmp_path / 'photos/1.jpg'), str(tmp_path / 'x.tar'), '/away/3.jpg']
    assert [row.member for row in rows] == [None, 'in/2.jpg', None]
    assert [row.boxes for row in rows] == [row['boxes'] for row in ROWS]


def test_a_manifest_may_have_numbers_for_ids_no_boxes_and_other_columns(tmp_path):
    path = write(tmp_path, 'jsonl', [dict(id=7, path='1.jpg', caption='a cat')])
    manifest = Manifest(path)
    row, = manifest.rows()
    assert (row.id, row.boxes, manifest.has_boxes) == ('7', None, False)


GOOD = '{"id": 1, "path": "1.jpg", "boxes": []}\n'
HEAD = 'id,path,boxes\n'


@pytest.mark.parametrize('name, text, message', [
    ('m.txt', 'x', r'm.txt: expected a manifest ending with .parquet, .csv, .jsonl'),
    ('m.jsonl', '', 'm.jsonl: the manifest has no rows'),
    ('m.csv', HEAD, 'm.csv: the manifest has no rows'),
    ('m.csv', '', 'm.csv has no column id, path; expected id, path, .* and found none'),
    ('m.csv', 'id,file\n1,2\n', 'm.csv has no column path; .* and found id, file'),
    ('m.jsonl', GOOD + '{', 'm.jsonl, line 2 is not JSON'),
    ('m.jsonl', GOOD + '[1]\n', r'm.jsonl, line 2: \[1\], expected an object with id and path'),
    ('m.jsonl', GOOD + '\n{"path": "1.jpg"}\n', 'm.jsonl, line 3: id is None, expected a text'),
    ('m.jsonl', GOOD + '{"id": true, "path": "1.jpg"}\n', 'line 2: id is True'),
    ('m.jsonl', GOOD + '{"id": 1.5, "path": "1.jpg"}\n', 'line 2: id is 1.5'),
    ('m.jsonl', GOOD + '{"id": 2, "path": ""}\n', "line 2: path is '', expected the path"),
    ('m.jsonl', GOOD + '{"id": 2, "path": ["1.jpg"]}\n', r"line 2: path is \['1.jpg'\]"),
    ('m.jsonl', GOOD + '{"id": 2, "path": "x.tar", "member": 3}\n', 'line 2: member is 3, exp'),
    ('m.jsonl', GOOD + GOOD, "line 2: id '1' is that of line 1 too, expected different ids"),
    ('m.jsonl', GOOD + '{"id": "1", "path": "2.jpg", "boxes": []}\n', "line 2: id '1' is that of"),
    # boxes
    ('m.jsonl', GOOD + '{"id": 2, "path": "2.jpg"}\n', 'line 2: boxes is None, expected a list'),
    ('m.jsonl', '{"id": 2, "path": "2.jpg"}\n' + GOOD, 'line 2: boxes are there, but the first'),
    ('m.jsonl', GOOD + '{"id": 2, "path": "2", "boxes": [[1, 2, 3]]}\n', r'line 2: boxes of shape'),
    ('m.jsonl', GOOD + '{"id": 2, "path": "2", "boxes": [1, 2, 3, 4]}\n', 'line 2: boxes of shape'),
    ('m.jsonl', GOOD + '{"id": 2, "path": "2", "boxes": [["a", 2, 3, 4]]}\n',
     'line 2: boxes are not an array of numbers'),
    ('m.jsonl', GOOD + '{"id": 2, "path": "2", "boxes": [[1, 2, 3, 4], [9, 2, 3, 4]]}\n',
     'line 2: box 1 is'),
    ('m.jsonl', GOOD + '{"id": 2, "path": "2", "boxes": [[1, 2, NaN, 4]]}\n', 'line 2: box 0 is'),
    ('m.csv', HEAD + '1,1.jpg,\n', 'm.csv, line 2: boxes is None, expected a list'),
    ('m.csv', HEAD + '1,1.jpg,[]\n2,2.jpg,[[1;2]]\n', r'm.csv, line 3: boxes is .*expected JSON'),
    ('m.csv', HEAD + '1,1.jpg,[[1,2,3,4]]\n', 'm.csv, line 2: more fields than the first line'),
    ('m.csv', HEAD + '1\n', 'm.csv, line 2: path is None'),
    ('m.csv', b'id,path\n1,\xff.jpg\n', 'm.csv cannot be read: .*utf-8'),
    ('m.parquet', 'PAR1', 'm.parquet cannot be read'),
])
def test_bad_manifests(tmp_path, monkeypatch, name, text, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RsnMmError, match=message):
        Manifest(name).check()


@pytest.mark.parametrize('rows, message', [
    ([dict(id='a', file='1.jpg')], 'm.parquet has no column path'),
    ([dict(id='a', path='1.jpg'), dict(id='a', path='2.jpg')], "row 1: id 'a' is that of row 0"),
    ([dict(id='a', path='1.jpg', boxes=[[1., 2]])], 'row 0: boxes of shape'),
    ([dict(id='a', path='1.jpg', boxes=None)], 'row 0: boxes is None'),
    ([dict(id=1.5, path='1.jpg')], 'row 0: id is 1.5'),
])
def test_bad_parquet(tmp_path, rows, message):
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / 'm.parquet')
    with pytest.raises(RsnMmError, match=message):
        Manifest(tmp_path / 'm.parquet').check()


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(RsnMmError, match='m.csv does not exist'):
        Manifest(tmp_path / 'm.csv')
    (tmp_path / 'm.csv').mkdir()
    with pytest.raises(RsnMmError, match='m.csv cannot be read: Is a directory'):
        Manifest(tmp_path / 'm.csv')
    with pytest.raises(RsnMmError, match='no archive: expected one'):
        Tars([])
    with pytest.raises(RsnMmError, match='x.tar does not exist'):
        Tars([tmp_path / 'x.tar'])


def test_identity_is_the_content_and_the_folder(tmp_path):
    path = write(tmp_path, 'jsonl')
    first = Manifest(path).identity()
    other = path.rename(tmp_path / 'renamed.jsonl')
    assert Manifest(other).identity() == first
    other.write_text(other.read_text().replace('30', '31'))
    assert Manifest(other).identity() != first
    (tmp_path / 'deep').mkdir()
    assert Manifest(write(tmp_path / 'deep', 'jsonl')).identity()['folder'] != first['folder']
