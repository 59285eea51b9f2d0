"""A journal keeps what is done, whatever was cut off behind it, and is one process's at a time."""

import json

import pytest

from rsn_mm.errors import ExistingFileError, OutputError
from rsn_mm.prediction.journal import Journal, Names

SETTINGS = dict(model=['a.py', 3], boxes=None)


def write(path, groups=3, settings=SETTINGS):
    journal, names = Journal(path, settings), Names()
    for group in range(groups):
        for i in (0, 1):
            names.add(f'{group}-{i}')
            journal.add(dict(image=f'{group}-{i}', people=[]))
        journal.mark_done(names)
    journal.close()


def images(journal):
    return [record['image'] for record in journal.records()]


def test_a_journal_cut_anywhere_goes_on_behind_the_last_part_that_is_done(tmp_path):
    path, cut = tmp_path / 'whole', tmp_path / 'cut'
    write(path)
    whole = path.read_bytes()
    marks = [i for i in range(1, len(whole) + 1) if whole[:i].endswith(b'\n')
             and b'"inputs_done"' in whole[:i].splitlines()[-1]]
    assert len(marks) == 3
    around_marks = {mark + i for mark in marks for i in (-1, 0, 1)}
    for length in sorted({*range(0, len(whole), 17), *around_marks} - {len(whole) + 1}):
        cut.write_bytes(whole[:length])
        journal = Journal(cut, SETTINGS)
        parts = sum(length >= mark for mark in marks)
        assert journal.inputs_done == 2 * parts, length
        assert images(journal) == [f'{g}-{i}' for g in range(parts) for i in (0, 1)]
        journal.close()
    names = Names()
    for name in ('0-0', '0-1'):
        names.add(name)
    cut.write_bytes(whole[:marks[0]])
    assert Journal(cut, SETTINGS).names_checksum == names.checksum()


def test_other_settings_are_refused_or_begin_anew(tmp_path):
    path = tmp_path / 'journal'
    write(path)
    before = path.read_bytes()
    with pytest.raises(ExistingFileError, match=r"model was \['a.py', 3\], now \['b.py', 3\]$"):
        Journal(path, {**SETTINGS, 'model': ['b.py', 3]})
    assert path.read_bytes() == before
    journal = Journal(path, {**SETTINGS, 'boxes': 1}, restart=True)
    assert journal.inputs_done == 0 and images(journal) == []
    journal.close()
    assert json.loads(path.read_text())['settings']['boxes'] == 1


@pytest.mark.parametrize('content', ['my notes', 'my notes\n', '[1]\n', '{"images": []}\n'])
def test_a_file_of_another_kind_stays(tmp_path, content):
    path = tmp_path / 'journal'
    path.write_text(content)
    with pytest.raises(ExistingFileError, match='is there already'):
        Journal(path, SETTINGS)
    assert path.read_text() == content


def test_one_process_at_a_time(tmp_path):
    journal = Journal(tmp_path / 'journal', SETTINGS)
    with pytest.raises(OutputError, match='is in use: another process writes the same results'):
        Journal(tmp_path / 'journal', SETTINGS)
    journal.close()
    Journal(tmp_path / 'journal', SETTINGS).remove()
    assert not (tmp_path / 'journal').exists()


def test_a_full_disk_is_one_message():
    journal = Journal.__new__(Journal)
    journal.path, journal._file = '/dev/full', open('/dev/full', 'ab')
    journal.add(dict(image='a'))
    with pytest.raises(OutputError, match='/dev/full cannot be written: No space left on device; '
                                          'what it holds so far is kept'):
        journal.mark_done(Names())
    journal.close()


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError, match='no/journal cannot be written: No such file'):
        Journal(tmp_path / 'no' / 'journal', SETTINGS)
