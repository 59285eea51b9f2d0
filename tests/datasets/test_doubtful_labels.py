"""Labels that look like mistakes."""

import json

import pytest
from mmpose.datasets import CocoDataset

from rsn_mm.datasets.doubtful_labels import doubtful_labels
from rsn_mm.labels.metainfo import metainfo_text
from tests.labels import drawn


@pytest.fixture
def dataset_of(tmp_path):
    """A dataset with these keypoints of one instance, in a box from 10, 10 to 40, 40."""
    (tmp_path / 'metainfo.py').write_text(metainfo_text('mice', drawn.JOINTS, []))
    drawn.draw(tmp_path / 'a.png', drawn.POSITIONS[0])

    def build(keypoints):
        (tmp_path / 'a.json').write_text(json.dumps(dict(
            images=[dict(id=1, file_name='a.png', width=64, height=48)],
            annotations=[dict(id=1, image_id=1, category_id=1, iscrowd=0, area=9., keypoints=[
                value for joint in keypoints for value in joint], bbox=[10, 10, 30, 30])],
            categories=[dict(id=1, name='mouse')])))
        return CocoDataset(ann_file=str(tmp_path / 'a.json'), pipeline=[],
                           data_prefix=dict(img=str(tmp_path)),
                           metainfo=dict(from_file=str(tmp_path / 'metainfo.py')))
    return build


@pytest.mark.parametrize('keypoints, expected', [
    ([(20, 20, 2), (30, 30, 1), (0, 0, 0), (41, 9, 1)], []),
    ([(20, 20, 1), (30, 30, 1), (0, 0, 0), (0, 0, 0)], ['every labeled joint has the flag 1']),
    ([(20, 20, 2), (55, 30, 2), (0, 0, 0), (0, 0, 0)], ['1 of 2 labeled joints lie outside of th']),
    ([(20, 20, 2), (30, 30, 2), (70, 30, 2), (20, -5, 2)], [
        '2 of 4 labeled joints lie outside of their box',
        '2 of 4 labeled joints lie outside of their image']),
])
def test_flags_and_positions(dataset_of, keypoints, expected):
    lines = doubtful_labels(dataset_of(keypoints))
    assert len(lines) == len(expected)
    for line, text in zip(lines, expected):
        assert line.partition('a.json: ')[2].startswith(text)
