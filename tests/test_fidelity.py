"""The ledger is complete: every row has a verdict, and names tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEDGER = ROOT / 'docs' / 'fidelity.md'
COLUMNS = ['rule', 'ours', 'theirs', 'verdict', 'test']
VERDICTS = ('equal', 'inferred', 'chosen')
SOURCES = ('code', 'paper', 'the authors')
#: A test file, a test, and maybe the case of a parametrized one.
TEST = re.compile(r'`(tests/[\w/]+\.py)::(test_\w+)(\[[^`]+\])?`')


@cache
def functions_of(path: str) -> dict[str, bool]:
    """The test functions of a file, and whether they are parametrized."""
    file = ROOT / path
    if not file.is_file():
        return {}
    return {node.name: any('parametrize' in ast.unparse(each) for each in node.decorator_list)
            for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)}


def rows_of(text: str) -> list[list[str]]:
    """Cells of all rows of all tables, without heads and rulers."""
    lines = [line for line in text.splitlines() if line.startswith('|')]
    rows = [[cell.strip() for cell in line.strip().strip('|').split('|')] for line in lines]
    return [row for row in rows if row != COLUMNS and not set(''.join(row)) <= set('-: ')]


def faults_of(row: list[str]) -> list[str]:
    """What is wrong with a row."""
    if len(row) != len(COLUMNS):
        return [f'{len(row)} columns, expected {COLUMNS}']
    faults = [f'{name} is empty' for name, cell in zip(COLUMNS, row) if not cell]
    if not row[2].startswith(SOURCES):
        faults.append(f'theirs does not begin with one of {SOURCES}: {row[2]}')
    verdict, _, reason = row[3].partition(':')
    if verdict not in VERDICTS:
        faults.append(f'verdict {verdict!r}, expected one of {VERDICTS}')
    elif verdict != 'equal' and not reason.strip():
        faults.append(f'{verdict} without a reason')
    named = TEST.findall(row[4])
    if not named or TEST.sub('', row[4]).strip():
        faults.append(f'expected tests as `tests/FILE.py::test_NAME`: {row[4]}')
    for path, name, case in named:
        found = functions_of(path)
        if name not in found:
            faults.append(f'there is no test {path}::{name}')
        elif case and not found[name]:
            faults.append(f'{path}::{name} has no cases')
    return faults


def test_every_row_of_the_ledger_is_held_by_a_test():
    text = LEDGER.read_text()
    rows = rows_of(text)
    assert {row[0]: faults_of(row) for row in rows if faults_of(row)} == {}
    names = [(section, row[0]) for section in text.split('\n## ')[1:] for row in rows_of(section)]
    assert len(names) == len(rows) == len(set(names))
    # A table for each part of the method, and none of them nearly empty.
    sections = [section.splitlines()[0] for section in text.split('\n## ')[1:]]
    assert sections == ['Network', 'Pose Refine Machine', 'Initialization', 'Images', 'Targets',
                        'Loss', 'Augmentation', 'Schedule', 'Test', 'Evaluation']
    assert min(len(rows_of(section)) for section in text.split('\n## ')[1:]) >= 5
    assert len(rows) >= 100


HERE = '`tests/test_fidelity.py::test_faults_are_found`'


@pytest.mark.parametrize('line, fault', [
    (f'| a | b | code: c | equal | {HERE} |', None),
    (f'| a | b | paper: c | chosen: why | {HERE} {HERE} |', None),
    (f'| a | b | code: c | equal | {HERE[:-1]}[None]` |', None),
    (f'| a | b | code: c | equal: {HERE} |', '4 columns'),
    (f'| a | | code: c | equal | {HERE} |', 'ours is empty'),
    (f'| a | b | c | equal | {HERE} |', 'theirs does not begin'),
    (f'| a | b | code: c | same | {HERE} |', "verdict 'same'"),
    (f'| a | b | code: c | inferred | {HERE} |', 'inferred without a reason'),
    (f'| a | b | code: c | chosen: | {HERE} |', 'chosen without a reason'),
    ('| a | b | code: c | equal | |', 'test is empty'),
    ('| a | b | code: c | equal | by eye |', 'expected tests as'),
    (f'| a | b | code: c | equal | {HERE} and more |', 'expected tests as'),
    ('| a | b | code: c | equal | `tests/test_fidelity.py::test_gone` |', 'there is no test'),
    ('| a | b | code: c | equal | `tests/test_gone.py::test_a` |', 'there is no test'),
    ('| a | b | code: c | equal | `tests/test_fidelity.py::'
     'test_every_row_of_the_ledger_is_held_by_a_test[1]` |', 'has no cases'),
])
def test_faults_are_found(line, fault):
    row, = rows_of('\n'.join(['| ' + ' | '.join(COLUMNS) + ' |', '| --- | --- |', line]))
    faults = faults_of(row)
    assert faults == [] if fault is None else any(fault in each for each in faults), faults
