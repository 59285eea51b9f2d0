"""Exports that cannot be used: one message that names the file and the place."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from rsn_mm.cli.dataset import main
from rsn_mm.errors import RsnMmError
from rsn_mm.labels import read_labels

from . import drawn


def changed(entry: str, **changes: object):
    """A table's row: the first entry of a list of COCO's format is changed; None removes a key."""
    def change(content: dict) -> None:
        content[entry][0].update(changes)
        for key in [key for key, value in changes.items() if value is None]:
            content[entry][0].pop(key)
    return change


def without(key: str):
    return lambda content: content.pop(key)


def joints_of_another_category(content: dict) -> None:
    content['categories'][0]['keypoints'] = ['paw']
    content['annotations'].append({**content['annotations'][0], 'category_id': 1})


COCO = {
    'no images': (without('images'), "an object with the lists 'images' and 'annotations'"),
    'no annotations': (without('annotations'), "the lists 'images' and 'annotations'"),
    'nothing labeled': (lambda c: c['annotations'].clear(), 'no annotation has keypoints'),
    'image without name': (changed('images', file_name=None), "image 0 has no 'id' or no 'file_n"),
    'absent image': (changed('images', file_name='gone.png'), 'image gone.png is not in'),
    'another size': (changed('images', width=640), 'a.png is 640 x 48 in the labels, but its file '
                                                   'is 64 x 48'),
    'annotation of no image': (changed('annotations', image_id=99), '1 is of image_id 99'),
    'annotation without image': (changed('annotations', image_id=None), "1 has no 'image_id'"),
    'too few numbers': (changed('annotations', keypoints=[1, 2, 2]), 'annotation 1 has 3 numbers'),
    'text': (changed('annotations', keypoints=['x', 0, 2] * 4), 'keypoints are not numbers'),
    'flag 3': (changed('annotations', keypoints=[1, 2, 3] * 4), 'visibility flags'),
    'NaN': (changed('annotations', keypoints=[1, float('nan'), 2] * 4), 'joint that is not finite'),
    'null': (changed('annotations', keypoints=[1, None, 2] * 4), 'joint that is not finite'),
    'bad box': (changed('annotations', bbox=[1, 2, 3]), r'has bbox \[1, 2, 3\], expected x, y'),
    'NaN in a box': (changed('annotations', bbox=[0, 0, 5, float('nan')]), 'has bbox'),
    'two joints of one name': (
        lambda c: c['categories'][1].update(keypoints=['a', 'a', 'b', 'c']), 'have one name'),
    'two kinds of joints': (joints_of_another_category, "'cage' and 'mouse' have different joints"),
    'two entries of an image': (
        lambda c: (c['images'].append({**c['images'][0], 'id': 8}),
                   c['annotations'].append({**c['annotations'][0], 'image_id': 8})),
        'a.png is labeled in several entries'),
}


@pytest.mark.parametrize('name', COCO)
def test_bad_coco(name, tmp_path):
    change, message = COCO[name]
    file = drawn.write_cvat(tmp_path) / 'annotations/person_keypoints_default.json'
    content = json.loads(file.read_text())
    change(content)
    drawn.write_json(file, content)
    with pytest.raises(RsnMmError, match=message) as error:
        read_labels([tmp_path])
    assert str(tmp_path) in str(error.value)


def replaced(old: str, new: str):
    return lambda file: file.write_text(file.read_text().replace(old, new, 1))


DEEPLABCUT = {
    'no header': (lambda file: file.write_text('a.png,1,2\n'), 'expected the rows scorer'),
    'text': (replaced('10.0', 'ten'), "x of nose is 'ten', expected a number"),
    'short row': (replaced('10.0,', ''), 'has 8 cells, expected 9'),
    'unknown joint': (replaced('bodyparts,nose,nose', 'bodyparts,paw,paw'), r"\['paw'\] are not"),
    'absent image': (lambda file: (file.parent / 'a.png').unlink(), 'a.png does not exist'),
    'not an image': (lambda file: (file.parent / 'a.png').write_text('no'), 'is not an image'),
}


@pytest.mark.parametrize('name', DEEPLABCUT)
def test_bad_deeplabcut(name, tmp_path):
    change, message = DEEPLABCUT[name]
    folder = drawn.write_deeplabcut(tmp_path)
    change(folder / 'labeled-data/one/CollectedData_me.csv')
    with pytest.raises(RsnMmError, match=message) as error:
        read_labels([folder])
    assert str(tmp_path) in str(error.value)


def test_a_project_of_deeplabcut_without_labels_or_with_a_bad_config(tmp_path):
    folder = drawn.write_deeplabcut(tmp_path)
    config = folder / 'config.yaml'
    config.write_text('scorer: [')
    with pytest.raises(RsnMmError, match='config.yaml is not a YAML file'):
        read_labels([folder])
    config.write_text('scorer: you')
    with pytest.raises(RsnMmError, match='there is no labeled-data.*CollectedData_you.csv'):
        read_labels([config])


def test_h5_without_pandas_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pandas', None)
    file = tmp_path / 'CollectedData_me.h5'
    file.touch()
    with pytest.raises(RsnMmError, match='pip install pandas tables.*the same labels as CSV'):
        read_labels([file])


def first_result(task: dict) -> dict:
    return task['annotations'][0]['result'][0]


LABEL_STUDIO = {
    'no points': (lambda tasks: [t['annotations'][0].update(result=[]) for t in tasks[:3]],
                  'no task has keypoints'),
    'no label': (lambda tasks: first_result(tasks[0])['value'].pop('keypointlabels'),
                 'task 0 has a keypointlabels without a label'),
    'no size': (lambda tasks: first_result(tasks[0]).pop('original_width'),
                'task 0 has a point without original_width'),
    'no name': (lambda tasks: tasks[0].update(file_upload='', data={}), 'task 0 names no image'),
    'absent image': (lambda tasks: tasks[0].update(file_upload='0a1b2c3d-gone.png'),
                     'image gone.png is not in'),
}


@pytest.mark.parametrize('name', LABEL_STUDIO)
def test_bad_label_studio(name, tmp_path):
    change, message = LABEL_STUDIO[name]
    file = drawn.write_label_studio(tmp_path)
    tasks = json.loads(file.read_text())
    change(tasks)
    drawn.write_json(file, tasks)
    with pytest.raises(RsnMmError, match=message) as error:
        read_labels([file])
    assert str(file) in str(error.value)


def test_a_bad_interface_of_label_studio(tmp_path):
    file, interface = drawn.write_label_studio(tmp_path), tmp_path / 'interface.xml'
    for text, message in (('<View>', 'not the labeling interface'), ('<View/>', 'KeyPointLabels'),
                          ('<View><KeyPointLabels><Label value="paw"/></KeyPointLabels></View>',
                           r"has the labels \['left_ear', .*\], expected some of \['paw'\]")):
        interface.write_text(text)
        with pytest.raises(RsnMmError, match=message):
            read_labels([file], interface=interface)


SOURCES = {
    'nothing': (lambda folder: folder / 'nowhere', 'nowhere does not exist'),
    'an empty folder': (lambda folder: folder, 'there are no labels in it'),
    'an archive': ('export.zip', 'unpack the archive'),
    'another file': ('labels.txt', r'expected .json \(COCO, Label Studio\), or .csv'),
    'not JSON': ('a.json', 'is not a JSON file'),
}


@pytest.mark.parametrize('name', SOURCES)
def test_bad_sources(name, tmp_path):
    source, message = SOURCES[name]
    if isinstance(source, str):
        path = tmp_path / source
        path.write_text('{')
    else:
        path = source(tmp_path)
    with pytest.raises(RsnMmError, match=message):
        read_labels([path])


def test_sources_of_different_joints(tmp_path):
    cvat, deeplabcut = drawn.write_cvat(tmp_path / 'a'), drawn.write_deeplabcut(tmp_path / 'b')
    config = deeplabcut / 'config.yaml'
    text = config.read_text()
    config.write_text(text.replace('- left_ear\n- right_ear', '- right_ear\n- left_ear'))
    with pytest.raises(RsnMmError, match='has the joints .* but the first source has'):
        read_labels([cvat, deeplabcut])


def test_a_name_that_could_be_two_images(tmp_path):
    folder = drawn.write_cvat(tmp_path)
    shutil.copytree(folder / 'images' / 'default', folder / 'images' / 'copy')
    with pytest.raises(RsnMmError, match=r'image a.png could be .*copy/a.png or .*default/a.png'):
        read_labels([folder])
    read_labels([folder], images=folder / 'images' / 'copy')


# ------------------------------------------------------------------------------------- the command


OPTIONS = {
    '--margin -1': '--margin -1.0: expected 0 or more',
    '--sigma 0': '--sigma 0.0: expected more than 0',
    '--epochs 0': '--epochs 0: expected 1 or more',
    '--input-size 100x100': '--input-size 100x100: expected multiples of 32',
    '--category paw': "no category is named 'paw'",
    '--images nowhere': 'the folder nowhere for its images does not exist',
    '--group folder': 'split by image',
}


@pytest.mark.parametrize('options', OPTIONS)
def test_bad_options(options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawn.write_cvat(Path('cvat'))
    with pytest.raises(SystemExit) as exit_:
        main(['cvat', 'mice', *options.split()])
    assert OPTIONS[options] in str(exit_.value)
    assert not Path('mice').exists()


def test_an_output_with_a_bad_name_or_with_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    drawn.write_cvat(Path('cvat'))
    with pytest.raises(SystemExit, match='letters, digits and underscores only'):
        main(['cvat', 'my mice'])
    main(['cvat', 'mice'])
    before = {path.name: path.read_text() for path in Path('mice').iterdir()}
    with pytest.raises(SystemExit, match='is there already.*or use --force'):
        main(['cvat', 'mice', '--seed', '3', '--epochs', '7'])
    assert before == {path.name: path.read_text() for path in Path('mice').iterdir()}
    main(['cvat', 'mice', '--epochs', '7', '--force'])
    assert 'max_epochs, interval = 7, 1' in Path('mice/mice.py').read_text()


def test_several_instances_in_a_whole_image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = drawn.write_cvat(Path('cvat')) / 'annotations/person_keypoints_default.json'
    content = json.loads(file.read_text())
    content['annotations'].append({**content['annotations'][0], 'id': 77})
    drawn.write_json(file, content)
    with pytest.raises(SystemExit, match='a.png has 2 labeled instances'):
        main(['cvat', 'mice', '--whole-image'])


def test_joints_beside_the_image_give_no_box(tmp_path):
    folder = drawn.write_deeplabcut(tmp_path / 'd')
    file = folder / 'labeled-data/two/CollectedData_me.csv'
    rows = file.read_text().splitlines()
    rows[-1] = rows[-1].split(',')[0] + ',900.0' * 8
    file.write_text('\n'.join(rows))
    assert np.isfinite(read_labels([folder]).instances[-1].keypoints).all()
    with pytest.raises(SystemExit, match='lie outside of their image of 64 x 48'):
        main([str(folder), str(tmp_path / 'mice')])
