"""Scores of several runs as a table and a picture."""

import json

import cv2
import pytest

from rsn_mm.analysis.comparison import Row, plot, spread, to_json, to_markdown

ROWS = [
    Row('RSN', 'units', [0, 1], {'PCK': [0.5, 0.54], 'AP': [0.2, 0.1]}, [10., 13.]),
    Row('ResNet', 'units', [0], {'PCK': [0.41], 'AP': [0.05]}, [9.]),
    Row('CBAM', 'attention', [], {'PCK': [], 'AP': []}, []),
]


@pytest.mark.parametrize('values, text', [
    ([], 'not run'),
    ([0.12345], '0.123'),
    ([0.5, 0.54], '0.520 (0.500 to 0.540)'),
    ([0.3, 0.1, 0.5], '0.300 (0.100 to 0.500)'),
])
def test_spread(values, text):
    assert spread(values) == text


def test_table():
    assert to_markdown(ROWS, ['PCK', 'AP']) == '''\
|  | seeds | PCK | AP | minutes |
|---|---:|---:|---:|---:|
| **units** | | | | |
| RSN | 2 | 0.520 (0.500 to 0.540) | 0.150 (0.100 to 0.200) | 12 |
| ResNet | 1 | 0.410 | 0.050 | 9 |
| **attention** | | | | |
| CBAM | 0 | not run | not run |  |
'''


def test_numbers_are_all_there():
    assert json.loads(to_json(ROWS))[0] == dict(
        name='RSN', group='units', seeds=[0, 1], minutes=[10., 13.],
        scores={'PCK': [0.5, 0.54], 'AP': [0.2, 0.1]})


def test_picture_has_a_line_for_each_row_that_has_run(tmp_path):
    heights = []
    for rows in (ROWS[:1], ROWS):
        plot(rows, ['PCK', 'AP'], tmp_path / 'plot.png')
        image = cv2.imread(str(tmp_path / 'plot.png'))
        heights.append(image.shape[0])
        assert image.std() > 10
    assert heights[1] - heights[0] == pytest.approx(0.34 * 110, abs=1)
