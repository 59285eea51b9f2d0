"""Every format gives the same labels, and they lie where their joints are drawn."""

import json
import sys
from functools import partial
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from rsn_mm.labels import read_labels

from . import drawn

#: Name, what writes the export, and the box of an instance in it.
FORMATS = {
    'cvat': (drawn.write_cvat, 'tight'),
    'roboflow': (drawn.write_roboflow, (2, 3, 55, 42)),
    'deeplabcut': (drawn.write_deeplabcut, None),
    'deeplabcut new index': (partial(drawn.write_deeplabcut, new_index=True), None),
    'deeplabcut animals': (partial(drawn.write_deeplabcut, animals=2), None),
    'label studio': (drawn.write_label_studio, (2, 3, 55, 42)),
    'label studio box first': (partial(drawn.write_label_studio, outline='before'),
                               (2, 3, 55, 42)),
    'label studio without boxes': (partial(drawn.write_label_studio, outline='none'), None),
    'label studio in any order': (partial(drawn.write_label_studio, shuffled=True),
                                  (2, 3, 55, 42)),
}


@pytest.mark.parametrize('name', FORMATS)
def test_joints_lie_on_their_dots(name, tmp_path):
    write, box = FORMATS[name]
    labels = read_labels([write(tmp_path / 'export')])
    assert labels.joints == drawn.JOINTS
    assert len(labels.images) == len(labels.instances) == len(drawn.POSITIONS)
    for image in labels.images:
        instance, = image.instances
        positions = drawn.POSITIONS['abc'.index(image.path.name[0])]
        labeled = np.isfinite(positions[:, 0])
        assert instance.labeled.tolist() == labeled.tolist()
        pixels = cv2.imread(str(image.path))
        assert image.size_wh == drawn.SIZE_WH == pixels.shape[1::-1]
        assert drawn.colors_at(pixels, instance.keypoints[labeled, :2]) == (
            drawn.COLORS[labeled].tolist())
        np.testing.assert_allclose(instance.keypoints[labeled, :2], positions[labeled], atol=1e-6)
        assert (instance.keypoints[~labeled] == 0).all()
        if box == 'tight':
            np.testing.assert_allclose(instance.box_xywh, [
                *np.nanmin(positions, 0), *np.ptp(positions[labeled], 0)])
        else:
            assert instance.box_xywh == (box and pytest.approx(box))


def test_what_formats_know_besides(tmp_path):
    cvat, roboflow, deeplabcut, studio = (
        read_labels([write(tmp_path / name)]) for name, write in (
            ('c', drawn.write_cvat), ('r', drawn.write_roboflow), ('d', drawn.write_deeplabcut),
            ('s', drawn.write_label_studio)))
    links = [tuple(link) for link in drawn.LINKS]
    assert cvat.links == roboflow.links == deeplabcut.links == links and studio.links == []
    assert [image.split for image in roboflow.images] == ['train', 'train', 'val']
    assert {image.split for image in (*cvat.images, *deeplabcut.images, *studio.images)} == {None}
    assert [image.group for image in deeplabcut.images] == ['one', 'one', 'two']
    assert studio.left_out == {'images without labels': 1}
    train = read_labels([drawn.write_cvat(tmp_path / 't', 'Train')])
    assert {image.split for image in train.images} == {'train'}


def test_what_is_left_out_is_counted(tmp_path):
    folder = drawn.write_cvat(tmp_path)
    file = folder / 'annotations/person_keypoints_default.json'
    content = json.loads(file.read_text())
    content['images'].append(dict(id=8, file_name='never/seen.png', width=1, height=1))
    for number, changes in enumerate((
            dict(iscrowd=1), dict(category_id=1), dict(keypoints=[]), dict(keypoints=[5, 5, 0] * 4)
    ), 10):
        content['annotations'].append({**content['annotations'][0], 'id': number, **changes})
    drawn.write_json(file, content)
    labels = read_labels([folder])
    assert len(labels.instances) == 3
    assert labels.left_out == {
        'images without labels': 1, 'crowds': 1, 'annotations of other categories': 1,
        'annotations without keypoints': 1, 'annotations without a labeled joint': 1}


def test_a_bare_file_gets_names_and_keeps_occluded_joints(tmp_path):
    """Without categories, num_keypoints, sizes, areas and boxes."""
    drawn.draw(tmp_path / 'pictures/deep/a.png', drawn.POSITIONS[0])
    joints = drawn.keypoints(drawn.POSITIONS[0], flag=1)
    file = drawn.write_json(tmp_path / 'labels.json', dict(
        images=[dict(id='x', file_name='deep/a.png')],
        annotations=[dict(image_id='x', keypoints=joints, bbox=[0, 0, 0, 0])]))
    labels = read_labels([file], images=tmp_path / 'pictures')
    assert labels.joints == ['joint1', 'joint2', 'joint3', 'joint4']
    instance, = labels.instances
    assert instance.keypoints[:, 2].tolist() == [1, 1, 1, 1]
    assert instance.box_xywh is None and instance.area is None


def test_two_animals_of_deeplabcut_are_two_instances(tmp_path):
    folder = drawn.write_deeplabcut(tmp_path, animals=2)
    file = folder / 'labeled-data/two/CollectedData_me.csv'
    *header, row = file.read_text().splitlines()
    cells = row.split(',')
    cells[1:3] = ['5.5', '6.5']  # the nose of the first animal
    file.write_text('\n'.join([*header, ','.join(cells)]))
    first, second = read_labels([file]).images[0].instances
    assert first.keypoints.tolist() == [[5.5, 6.5, 2]] + [[0, 0, 0]] * 3
    assert second.labeled.all()


def test_h5_is_the_same_table(tmp_path, monkeypatch):
    """Where pandas is not installed, what it reads is given here."""
    folder = drawn.write_deeplabcut(tmp_path)
    for file in folder.glob('labeled-data/*/*.csv'):
        file.rename(file.with_suffix('.h5'))
    table = SimpleNamespace(read_hdf=lambda file: SimpleNamespace(to_csv=file.read_text))
    monkeypatch.setitem(sys.modules, 'pandas', table)
    labels = read_labels([folder])
    assert [image.path.name for image in labels.images] == drawn.NAMES


def test_label_studio_takes_the_order_of_its_interface(tmp_path):
    export = drawn.write_label_studio(tmp_path)
    interface = tmp_path / 'interface.xml'
    labels = ''.join(f'<Label value="{joint}"/>' for joint in reversed(drawn.JOINTS))
    interface.write_text(f'<View><KeyPointLabels name="kp">{labels}</KeyPointLabels></View>')
    labels = read_labels([export], interface=interface)
    assert labels.joints == drawn.JOINTS[::-1]
    first = labels.images[0].instances[0]
    np.testing.assert_allclose(first.keypoints[::-1, :2], drawn.POSITIONS[0], atol=1e-6)


def test_label_studio_without_boxes_begins_anew_with_a_joint_that_comes_again(tmp_path):
    export = drawn.write_label_studio(tmp_path, outline='none')
    tasks = json.loads(export.read_text())
    results = tasks[0]['annotations'][0]['result']
    results.append(drawn.result('keypointlabels', 'nose', x=60, y=40))
    drawn.write_json(export, tasks)
    first, second = read_labels([export]).images[0].instances
    assert first.labeled.all() and second.labeled.tolist() == [True, False, False, False]
    np.testing.assert_allclose(second.keypoints[0], [60, 40, 2])


def test_images_turned_by_exif_have_the_size_that_opencv_sees(tmp_path):
    from PIL import Image

    image = Image.new('RGB', (30, 20))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / 'a.jpg', exif=exif)
    file = drawn.write_json(tmp_path / 'a.json', dict(
        images=[dict(id=1, file_name='a.jpg', width=20, height=30)],
        annotations=[dict(id=1, image_id=1, keypoints=[5, 25, 2])]))
    size, = {image.size_wh for image in read_labels([file]).images}
    assert size == cv2.imread(str(tmp_path / 'a.jpg')).shape[1::-1] == (20, 30)
