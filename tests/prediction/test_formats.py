"""Every format holds the records, and appears whole or not at all."""

import csv
import json
import sys
from unittest import mock

import pyarrow.parquet as pq
import pytest
from pycocotools.coco import COCO

from rsn_mm.errors import MissingPackageError, OptionError, OutputError
from rsn_mm.prediction.formats import check_format, write_results

JOINTS = ['nose', 'tail']


def person(score, **more):
    return dict(score=score, box=[1., 2., 3., 4.], **more,
                keypoints=[[5., 6., 0.5], [7., 8., 0.75]])


PHOTOS = [
    dict(image='a/007.jpg', width=4, height=3, people=[person(0.5), person(0.25)]),
    dict(image='a/8.png', width=4, height=3, people=[]),
    dict(image='a/bad.jpg', error='a/bad.jpg: the file is empty'),
    dict(image='a/9.jpg', width=4, height=3, people=[person(1.)]),
]
VIDEO = [dict(image='v.mp4', frame=i, seconds=i / 4, width=4, height=3,
              people=[person(0.5, track=i)]) for i in range(3)]


def written(tmp_path, name, records):
    write_results(tmp_path / name, lambda: iter(records), JOINTS)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    return (tmp_path / name).read_text() if not name.endswith('.parquet') else tmp_path / name


@pytest.mark.parametrize('records', [PHOTOS, VIDEO, []])
def test_json_lines_are_the_records(tmp_path, records):
    lines = written(tmp_path, 'out.jsonl', records).splitlines()
    assert [json.loads(line) for line in lines] == records


def test_coco_results(tmp_path):
    found = json.loads(written(tmp_path, 'out.json', PHOTOS))
    assert found == [
        dict(image_id=image, category_id=1, score=score, keypoints=[5, 6, 0.5, 7, 8, 0.75])
        for image, score in ((7, 0.5), (7, 0.25), (9, 1.))]


@pytest.mark.parametrize('second, ids', [
    ('b/8.jpg', [7, 8]), ('b/007.png', ['a/007.jpg', 'b/007.png']),
    ('b/x.jpg', ['a/007.jpg', 'b/x.jpg'])])
def test_coco_ids_are_numbers_only_where_all_names_are(tmp_path, second, ids):
    records = [PHOTOS[0] | dict(people=[person(1.)]), PHOTOS[3] | dict(image=second)]
    found = json.loads(written(tmp_path, 'out.json', records))
    assert [each['image_id'] for each in found] == ids


def test_coco_results_of_a_video_and_of_nothing(tmp_path):
    found = json.loads(written(tmp_path, 'out.json', VIDEO))
    assert [(each['image_id'], each['track_id']) for each in found] == [
        ('v.mp4#0', 0), ('v.mp4#1', 1), ('v.mp4#2', 2)]
    assert json.loads(written(tmp_path, 'out.json', [])) == []


def test_pycocotools_reads_the_results(tmp_path, capsys):
    written(tmp_path, 'out.json', PHOTOS)
    coco = COCO()
    coco.dataset = dict(images=[dict(id=7), dict(id=9)], annotations=[], categories=[dict(id=1)])
    coco.createIndex()
    assert len(coco.loadRes(str(tmp_path / 'out.json')).getAnnIds(imgIds=[7])) == 2


def test_tables(tmp_path):
    rows = list(csv.DictReader(written(tmp_path, 'out.csv', PHOTOS).splitlines()))
    assert [(row['image'], row['person'], row['score']) for row in rows] == [
        ('a/007.jpg', '0', '0.5'), ('a/007.jpg', '1', '0.25'), ('a/9.jpg', '0', '1.0')]
    assert (rows[0]['y2'], rows[0]['tail_x'], rows[0]['tail_score']) == ('4.0', '7.0', '0.75')
    rows = list(csv.DictReader(written(tmp_path, 'out.csv', VIDEO).splitlines()))
    assert [(row['frame'], row['seconds'], row['track']) for row in rows] == [
        ('0', '0.0', '0'), ('1', '0.25', '1'), ('2', '0.5', '2')]


@pytest.mark.parametrize('records', [PHOTOS, VIDEO, []])
def test_parquet(tmp_path, records):
    table = pq.read_table(written(tmp_path, 'out.parquet', records))
    assert json.loads(table.schema.metadata[b'joints']) == JOINTS

    def without_none(value):
        if isinstance(value, list):
            return [without_none(each) for each in value]
        if isinstance(value, dict):
            return {k: without_none(v) for k, v in value.items() if v is not None}
        return value

    assert without_none(table.to_pylist()) == records


def test_a_name_that_is_not_utf8(tmp_path):
    records = [PHOTOS[0] | dict(image='\udcff.jpg')]
    assert json.loads(written(tmp_path, 'out.jsonl', records))['image'] == '\udcff.jpg'
    for ending in ('json', 'csv', 'parquet'):
        (tmp_path / 'out.jsonl').unlink(missing_ok=True)
        write_results(tmp_path / f'out.{ending}', lambda: iter(records), JOINTS)


def test_what_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / 'out.jsonl'
    path.write_text('before')

    def failing():
        yield PHOTOS[0]
        raise OSError(28, 'No space left on device')

    with pytest.raises(OutputError, match='out.jsonl cannot be written: No space left'):
        write_results(path, failing, JOINTS)
    assert path.read_text() == 'before' and list(tmp_path.iterdir()) == [path]


def test_formats_that_cannot_be_written():
    with pytest.raises(OptionError, match='out.txt: expected a file ending with .json, .jsonl'):
        check_format('out.txt')
    with mock.patch.dict(sys.modules, {'pyarrow': None, 'pyarrow.parquet': None}):
        with pytest.raises(MissingPackageError, match=r"out.parquet: Parquet needs the package "
                           r"pyarrow.parquet, .* pip install 'rsn_mm\[parquet\]'"):
            check_format('out.parquet')
    check_format('out.parquet')
