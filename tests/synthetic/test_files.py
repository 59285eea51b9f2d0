"""Generated splits on disk: the same bytes however made, whole or not at all, read by MMPose."""

import json
import multiprocessing
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmpose.datasets.datasets import MpiiDataset
from mmpose.evaluation.metrics import CocoMetric, MpiiPCKAccuracy
from scipy.io import loadmat

from rsn_mm.errors import OutputError
from rsn_mm.registry import DATASETS
from rsn_mm.synthetic import (
    SceneOptions,
    SplitOptions,
    SyntheticCocoDataset,
    annotation_path,
    generate_scene,
    image_rng,
    write_split,
)
from rsn_mm.synthetic import writer as writer_module
from rsn_mm.synthetic.formats import COCO_JOINTS, COCO_SKELETON, MPII_JOINTS
from tests.tools.tiny_run import call, fork

ROOT = Path(__file__).resolve().parents[2]
SMALL = SceneOptions(size_wh=(128, 112), people_max=2)
NUMBER = writer_module.CHUNK + 2  # more than one chunk, so that two workers have work


def split(number=4, name='train', scene=SMALL, **kwargs):
    return SplitOptions(split=name, num_images=number, scene=scene, **kwargs)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(Path(folder).rglob('*')) if path.is_file()}


def write(root, options, **kwargs):
    return write_split(root, options, **{'workers': 1, 'progress': False, **kwargs})


# -- bytes -----------------------------------------------------------------------------------


@pytest.mark.parametrize('form', ['coco', 'mpii'])
def test_same_bytes_for_any_number_of_workers(tmp_path, form):
    # OpenCV's own threads run before the fork, as they do in a training process.
    cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (5, 5), 1)
    threads = cv2.getNumThreads()
    one, two = (contents(write(tmp_path / str(workers), split(NUMBER, format=form),
                               workers=workers)) for workers in (1, 2))
    assert one == two
    assert len(one) == NUMBER + (2 if form == 'coco' else 3)
    assert cv2.getNumThreads() == threads


def test_command_writes_the_same_bytes_in_its_own_process(tmp_path):
    command = ('make_synthetic.py', tmp_path / 'a', '--train', NUMBER, '--val', 0,
               '--size', '128x112')
    with fork(*command, '--people-max', 2, cwd=tmp_path) as process:
        output = process.stdout.read()
    assert process.returncode == 0, output
    assert contents(tmp_path / 'a' / 'train') == contents(write(tmp_path / 'b', split(NUMBER)))
    assert 'people_max is 2 there, 3 is asked for' in call(*command)


def test_command_explains_itself(capsys):
    assert call('make_synthetic.py', '--help') == 0
    help_ = capsys.readouterr().out
    for option in ('--train', '--val', '--format', '--size', '--people-max', '--occlusion',
                   '--pose-variety', '--degradation', '--workers', '--force'):
        assert option in help_


def test_a_larger_split_begins_with_the_smaller(tmp_path):
    small, large = (contents(write(tmp_path / str(n), split(n)) / 'images') for n in (2, 4))
    assert {name: large[name] for name in small} == small and len(large) == 4


# -- whole or not at all ---------------------------------------------------------------------


def test_second_call_leaves_everything_and_overwrite_replaces_it(tmp_path):
    folder = write(tmp_path, split())
    node, before = folder.stat().st_ino, contents(folder)
    assert write(tmp_path, split()).stat().st_ino == node
    assert write(tmp_path, split(seed=1), overwrite=True).stat().st_ino != node
    assert contents(folder) != before
    assert sorted(p.name for p in tmp_path.iterdir()) == ['.train.lock', 'train']


@pytest.mark.parametrize('change, message', [
    (dict(seed=1), 'seed is 0 there, 1 is asked for'),
    (dict(number=5), 'num_images is 4 there, 5 is asked for'),
    (dict(format='mpii'), "format is 'coco' there, 'mpii' is asked for"),
    (dict(scene=SceneOptions(size_wh=(128, 112), people_max=2, occlusion=0)),
     '^[^;]*occlusion is 0.7 there, 0.0 is asked for[^;]*$'),  # and nothing else
])
def test_other_options_are_an_error(tmp_path, change, message):
    before = contents(write(tmp_path, split()))
    with pytest.raises(ValueError, match=message):
        write(tmp_path, split(**change))
    assert contents(tmp_path / 'train') == before


@pytest.mark.parametrize('lost, message', [
    ('images/000000000003.jpg', 'damaged: expected annotations.json and 4 images, found 3'),
    ('annotations.json', 'damaged: expected annotations.json'),
])
def test_lost_file_is_an_error(tmp_path, lost, message):
    folder = write(tmp_path, split())
    (folder / lost).unlink()
    with pytest.raises(ValueError, match=message):
        write(tmp_path, split())


def test_somebody_elses_folder_is_never_replaced(tmp_path):
    (tmp_path / 'train').mkdir()
    (tmp_path / 'train' / 'mine.txt').write_text('x')
    for overwrite in (False, True):
        with pytest.raises(OutputError, match='was not written by this generator'):
            write(tmp_path, split(), overwrite=overwrite)
    (tmp_path / 'train' / 'generator.json').write_text('{"options"')
    with pytest.raises(OutputError, match='was not written by this generator'):
        write(tmp_path, split(), overwrite=True)
    assert (tmp_path / 'train' / 'mine.txt').read_text() == 'x'


@pytest.mark.parametrize('workers', [1, 2])
def test_interrupted_run_leaves_what_was_there(tmp_path, monkeypatch, workers):
    def interrupted(rng, options):
        raise KeyboardInterrupt if workers == 1 else OSError('disk full')

    before = contents(write(tmp_path, split()))
    monkeypatch.setattr(writer_module, 'generate_scene', interrupted)
    for root, overwrite in ((tmp_path, True), (tmp_path / 'new', False)):
        with pytest.raises((KeyboardInterrupt, OSError)):
            write(root, split(NUMBER), overwrite=overwrite, workers=workers)
    assert contents(tmp_path / 'train') == before
    assert [p.name for p in (tmp_path / 'new').iterdir()] == ['.train.lock']


def test_rest_of_a_killed_run_is_removed(tmp_path):
    (tmp_path / '.train.partial' / 'images').mkdir(parents=True)
    (tmp_path / '.train.partial' / 'images' / '000000000009.jpg').write_text('half')
    assert len(contents(write(tmp_path, split()) / 'images')) == 4


def _write_and_tell(root, queue):
    queue.put(write(root, split(8)).stat().st_ino)


def test_processes_that_start_together_make_it_once(tmp_path):
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    cv2.setNumThreads(1)  # as after a Runner's set-up; see writer.py
    processes = [context.Process(target=_write_and_tell, args=(tmp_path, queue))
                 for _ in range(3)]
    for process in processes:
        process.start()
    nodes = {queue.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)
    assert nodes == {(tmp_path / 'train').stat().st_ino}


@pytest.mark.parametrize('workers', [0, -1, 1.5, True])
def test_bad_workers(tmp_path, workers):
    with pytest.raises(ValueError, match='workers: expected a positive integer'):
        write(tmp_path, split(), workers=workers)


# -- COCO ------------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def drawn():
    """Labels of the images of the default split, as drawn."""
    return [generate_scene(image_rng(0, 'val', index), SMALL).labels for index in range(4)]


@pytest.fixture(scope='module')
def coco(tmp_path_factory):
    root = tmp_path_factory.mktemp('coco')
    return root, DATASETS.build(dict(
        type='rsn_mm.SyntheticCocoDataset', data_root=str(root), split='val', num_images=4,
        workers=1, scene=dict(size_wh=(128, 112), people_max=2), test_mode=True))


def test_annotation_file(coco, drawn):
    content = json.loads(annotation_path(coco[0], 'val').read_text())
    assert content['info']['options']['seed'] == 0
    assert content['info']['options']['generator_version'] == int(content['info']['version'])
    category, = content['categories']
    assert category['keypoints'] == list(COCO_JOINTS) and len(COCO_SKELETON) == 19
    people = content['annotations']
    assert [p['id'] for p in people] == list(range(1, len(people) + 1))
    labels = [label for labels in drawn for label in labels]
    for person, label in zip(people, labels, strict=True):
        rows = np.reshape(person['keypoints'], (17, 3))
        assert person['num_keypoints'] == np.count_nonzero(rows[:, 2])
        for row, joint in zip(rows, COCO_JOINTS, strict=True):
            x, y, flag = label.points[joint]
            np.testing.assert_allclose(row, (x, y, flag) if flag else (0, 0, 0), atol=0.0051)
        np.testing.assert_allclose(person['bbox'], label.bbox_xywh, atol=0.0051)
        assert person['area'] == round(label.area, 2) and person['iscrowd'] == 0
    for image in content['images']:
        picture = cv2.imread(str(coco[0] / 'val' / 'images' / image['file_name']))
        assert picture.shape == (image['height'], image['width'], 3) == (112, 128, 3)


def test_coco_dataset_reads_it_and_perfect_predictions_score_one(coco, drawn):
    root, dataset = coco
    assert isinstance(dataset, SyntheticCocoDataset)
    assert dataset.ann_file == str(annotation_path(root, 'val'))
    assert len(dataset) == sum(map(len, drawn))
    metric = CocoMetric(ann_file=dataset.ann_file)
    metric.dataset_meta = dataset.metainfo
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        assert Path(info['img_path']).is_file()
        keypoints = np.asarray(info['keypoints'])
        metric.process([], [dict(
            id=info['id'], img_id=info['img_id'], category_id=1,
            raw_ann_info=info['raw_ann_info'],
            gt_instances=dict(bbox_scales=np.ones((1, 2)), bbox_scores=np.ones(1),
                              bboxes=info['bbox']),
            pred_instances=dict(keypoints=keypoints, keypoint_scores=np.ones((1, 17)),
                                bbox_scores=np.ones(1)))])
    assert metric.evaluate(len(dataset))['coco/AP'] == pytest.approx(1.0)


def test_lazy_dataset_makes_nothing_until_it_is_read(tmp_path):
    dataset = SyntheticCocoDataset(str(tmp_path), 'val', num_images=2, lazy_init=True, workers=1,
                                   scene=dict(size_wh=(96, 96)))
    assert not any(tmp_path.iterdir())
    dataset.full_init()
    assert len(dataset) >= 2


@pytest.mark.parametrize('arguments, error, message', [
    (dict(split='test'), ValueError, 'split: expected one of'),
    (dict(ann_file='x.json'), TypeError, 'ann_file: follows from data_root and split'),
    (dict(data_prefix=dict(img='x')), TypeError, 'data_prefix: follows from'),
    (dict(scene=dict(people=3)), TypeError, "'people'"),
    (dict(num_images=0), ValueError, 'num_images: expected'),
    (dict(data_mode='top'), ValueError, 'data_mode'),
])
def test_bad_dataset_arguments(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        SyntheticCocoDataset(str(tmp_path / 'data'), **arguments)
    assert not (tmp_path / 'data').exists()


# -- MPII ------------------------------------------------------------------------------------


def test_mpii_dataset_reads_joints_where_they_are_drawn(tmp_path, drawn):
    folder = write(tmp_path, split(name='val', format='mpii'))
    dataset = MpiiDataset(ann_file='annotations.json', headbox_file=str(folder / 'headboxes.mat'),
                          data_root=str(folder), data_prefix=dict(img='images/'), test_mode=True)
    labels = [label for labels in drawn for label in labels]
    assert len(dataset) == len(labels)
    assert loadmat(folder / 'headboxes.mat')['headboxes_src'].shape == (2, 2, len(labels))
    metric = MpiiPCKAccuracy()
    metric.dataset_meta = dataset.metainfo
    for index, label in enumerate(labels):
        info = dataset.get_data_info(index)
        assert Path(info['img_path']).is_file()
        points = np.array([label.points[joint] for joint in MPII_JOINTS])
        labeled = points[:, 2] > 0
        np.testing.assert_array_equal(info['keypoints_visible'][0], labeled)
        # The reader leaves joints as they are: counted from 1.
        np.testing.assert_allclose(info['keypoints'][0, labeled] - 1, points[labeled, :2],
                                   atol=0.0051)
        x, y, w, h = label.bbox_xywh
        middle, side = np.array([x + w / 2, y + h / 2]) - 0.5, max(w, h)
        np.testing.assert_allclose(info['bbox_center'][0], middle, atol=0.01)
        np.testing.assert_allclose(info['bbox'][0], [*(middle - side / 2), *(middle + side / 2)],
                                   atol=0.02)
        x1, y1, x2, y2 = label.head_xyxy
        np.testing.assert_allclose(info['head_size'], 0.6 * np.hypot(x2 - x1, y2 - y1), rtol=1e-2)
        instances = dict(keypoints=info['keypoints'], head_size=info['head_size'],
                         keypoints_visible=info['keypoints_visible'][..., None])
        # Predictions count from 0: those at the drawn places are perfect.
        metric.process([], [dict(gt_instances=instances,
                                 pred_instances=dict(keypoints=points[None, :, :2]))])
    scores = metric.evaluate(len(labels))
    assert scores['PCK'] == pytest.approx(100) and scores['PCK@0.1'] == pytest.approx(100)
