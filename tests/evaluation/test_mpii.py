"""PCKh against MMPose's metric and a slow reference, and the file of predictions."""

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmpose.datasets import MpiiDataset as MMPoseMpiiDataset
from mmpose.evaluation.metrics import MpiiPCKAccuracy
from scipy.io import loadmat

from rsn_mm.datasets import MpiiDataset
from rsn_mm.errors import DataError, ExistingFileError, RsnMmError
from rsn_mm.evaluation import MpiiPCKh, mpii
from tests import mpii_files
from tests.mpii_files import ANNOTATIONS, HEAD_BOXES

COUNT = 60


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


def samples_of(folder, predictions, kind=MpiiDataset):
    """What a model with these predictions (N, 16, 2) hands to an evaluator."""
    dataset = kind(ann_file=str(folder / ANNOTATIONS), headbox_file=str(folder / HEAD_BOXES),
                   test_mode=True)
    samples = []
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        samples.append(dict(
            id=info['id'], img_path=info['img_path'],
            pred_instances=dict(keypoints=predictions[info['id']][None]),
            gt_instances={k: info[k] for k in ('keypoints', 'keypoints_visible', 'head_size')}))
    return samples


def evaluate(metric, samples, batch=7):
    for i in range(0, len(samples), batch):
        metric.process([], samples[i:i + batch])
    return metric.evaluate(len(samples))


def predictions_near(persons, seed=2):
    """Around the joints, from far within to far beyond half a head; they count from 0."""
    rng = np.random.default_rng(seed)
    joints = np.array([person['joints'] for person in persons])
    reach = rng.choice([2., 10., 40.], (len(persons), 16, 1))
    return (joints - 1 + rng.normal(0, reach, joints.shape)).astype(np.float32)


def slow_pckh(persons, boxes, predictions, threshold):
    """Per joint in percent, written out: the released code's rule."""
    hits, counts = np.zeros(16), np.zeros(16)
    for i, person in enumerate(persons):
        (x1, y1), (x2, y2) = boxes[:, :, i]
        head_size = 0.6 * ((x2 - x1)**2 + (y2 - y1)**2)**0.5
        for k in range(16):
            if not person['joints_vis'][k]:
                continue
            dx, dy = predictions[i, k] + 1 - np.array(person['joints'][k])
            counts[k] += 1
            hits[k] += (dx**2 + dy**2)**0.5 / head_size < threshold
    return 100 * hits / np.maximum(counts, 1), counts


@pytest.mark.parametrize('seed', range(3))
def test_agrees_with_mmpose_and_with_the_rule_written_out(tmp_path, seed):
    persons = mpii_files.write_both(tmp_path, COUNT)
    predictions = predictions_near(persons, seed)
    found = evaluate(MpiiPCKh(), samples_of(tmp_path, predictions))
    theirs = evaluate(MpiiPCKAccuracy(),
                      samples_of(tmp_path, predictions, MMPoseMpiiDataset))
    assert found.keys() == theirs.keys()
    for name, value in theirs.items():
        assert found[name] == pytest.approx(float(value), abs=1e-6), name
    assert all(type(value) is float for value in found.values())

    boxes = mpii_files.draw_head_boxes(COUNT)
    half, counts = slow_pckh(persons, boxes, predictions, 0.5)
    tenth, _ = slow_pckh(persons, boxes, predictions, 0.1)
    counts[6:8] = 0
    expected = {
        'Head PCK': half[9], 'Shoulder PCK': half[12:14].mean(),
        'Elbow PCK': (half[11] + half[14]) / 2, 'Wrist PCK': (half[10] + half[15]) / 2,
        'Hip PCK': half[2:4].mean(), 'Knee PCK': (half[1] + half[4]) / 2,
        'Ankle PCK': (half[0] + half[5]) / 2, 'PCK': (half * counts).sum() / counts.sum(),
        'PCK@0.1': (tenth * counts).sum() / counts.sum()}
    assert found == pytest.approx(expected, abs=1e-4)
    assert 5 < found['PCK@0.1'] < found['PCK'] < 95  # the numbers tell something


@pytest.mark.parametrize('distance, half, tenth', [
    (0., 100, 100), (2.9, 100, 100), (3.1, 100, 0), (14.9, 100, 0), (15.1, 0, 0)])
def test_thresholds_are_parts_of_the_head_size(tmp_path, distance, half, tenth):
    """A head box of diagonal 50 is a head size of 30."""
    joints = np.tile([[100., 200.]], (16, 1))
    mpii_files.write_persons(tmp_path, [dict(
        image='1.jpg', center=[1., 1.], scale=1., joints=joints.tolist(), joints_vis=[1] * 16)])
    mpii_files.write_head_boxes(tmp_path, np.array([[[10.], [20.]], [[40.], [60.]]]))
    predictions = joints[None] - 1 + distance * np.array([0.6, -0.8])
    found = evaluate(MpiiPCKh(), samples_of(tmp_path, predictions.astype(np.float32)))
    assert found['PCK@0.1'] == tenth
    assert {value for name, value in found.items() if name != 'PCK@0.1'} == {half}


def test_pelvis_and_thorax_do_not_count_and_the_neck_only_in_the_mean(tmp_path):
    persons = mpii_files.write_both(tmp_path)
    perfect = np.array([person['joints'] for person in persons], np.float32) - 1
    far = perfect.copy()
    far[:, 6:8] += 500
    assert set(evaluate(MpiiPCKh(), samples_of(tmp_path, far)).values()) == {100.}
    far = perfect.copy()
    far[:, 8] += 500
    found = evaluate(MpiiPCKh(), samples_of(tmp_path, far))
    assert found.pop('PCK') == pytest.approx(found.pop('PCK@0.1')) != 100.
    assert set(found.values()) == {100.}


def test_groups_count_by_the_sides_that_are_labeled(tmp_path):
    persons = mpii_files.write_both(tmp_path)
    for person in persons:
        for joint in (5, 9):  # left ankle and head
            person['joints_vis'][joint] = 0
    mpii_files.write_persons(tmp_path, persons)
    predictions = predictions_near(persons)
    found = evaluate(MpiiPCKh(), samples_of(tmp_path, predictions))
    half, _ = slow_pckh(persons, mpii_files.draw_head_boxes(20), predictions, 0.5)
    assert 'Head PCK' not in found
    assert found['Ankle PCK'] == pytest.approx(half[0])
    assert found['Hip PCK'] == pytest.approx(half[2:4].mean())
    assert '     - |' in mpii.table(found)

    for person in persons:
        person['joints_vis'] = [int(k in (6, 7)) for k in range(16)]
    mpii_files.write_persons(tmp_path, persons)
    with pytest.raises(DataError, match='none of the 20 persons has a labeled joint'):
        evaluate(MpiiPCKh(), samples_of(tmp_path, predictions))


def test_the_log_has_a_table(tmp_path, monkeypatch):
    persons = mpii_files.write_both(tmp_path)
    logged = []
    monkeypatch.setattr(mpii, 'print_log', lambda text, logger: logged.append(text))
    found = evaluate(MpiiPCKh(), samples_of(tmp_path, predictions_near(persons)))
    lines = [line for text in logged for line in text.splitlines() if line.startswith('|')]
    names, values = ([cell.strip() for cell in line.strip('|').split('|')] for line in lines)
    assert names == ['PCKh@0.5', 'Head', 'Shoulder', 'Elbow', 'Wrist', 'Hip', 'Knee', 'Ankle',
                     'Mean', 'Mean@0.1']
    assert values[1:] == [f'{value:.2f}' for value in found.values()]
    assert len(lines[0]) == len(lines[1])


# ---------------------------------------------------------------------------------- result file


def without_truth(samples):
    return [{k: v for k, v in sample.items() if k != 'gt_instances'} for sample in samples]


def test_predictions_are_written_in_the_order_of_the_annotations_counting_from_1(tmp_path):
    persons = mpii_files.write_both(tmp_path)
    predictions = predictions_near(persons)
    samples = samples_of(tmp_path, predictions)
    rng = np.random.default_rng(0)
    path = tmp_path / 'new' / 'pred.mat'
    metric = MpiiPCKh(result_file=str(path), format_only=True)
    assert evaluate(metric, without_truth([samples[i] for i in rng.permutation(20)])) == {}
    written = loadmat(path)['preds']
    assert written.shape == (20, 16, 2) and written.dtype == np.float64
    np.testing.assert_allclose(written, predictions.astype(np.float64) + 1, atol=1e-4)
    assert [p.name for p in path.parent.iterdir()] == ['pred.mat']

    with pytest.raises(ExistingFileError, match='pred.mat is there already'):
        MpiiPCKh(result_file=str(path))
    # Beside the metrics it is the same file.
    both = tmp_path / 'both.mat'
    assert 'PCK' in evaluate(MpiiPCKh(result_file=str(both)), samples)
    np.testing.assert_array_equal(loadmat(both)['preds'], written)


def test_a_result_file_that_appears_meanwhile_is_not_written_over(tmp_path):
    persons = mpii_files.write_both(tmp_path)
    path = tmp_path / 'pred.mat'
    metric = MpiiPCKh(result_file=str(path), format_only=True)
    path.write_text('mine')
    with pytest.raises(ExistingFileError, match='pred.mat is there already'):
        evaluate(metric, samples_of(tmp_path, predictions_near(persons)))
    assert path.read_text() == 'mine'


def test_missing_persons_are_named(tmp_path):
    persons = mpii_files.write_both(tmp_path)
    samples = samples_of(tmp_path, predictions_near(persons))
    path = tmp_path / 'pred.mat'
    with pytest.raises(DataError, match='19 predictions, but none for person 4'):
        evaluate(MpiiPCKh(result_file=str(path), format_only=True), samples[:4] + samples[5:])
    assert not path.exists()


@pytest.mark.parametrize('options, message', [
    (dict(format_only=True), 'needs a result_file'),
    (dict(result_file='pred.json'), 'pred.json: expected a file ending with .mat'),
])
def test_options_that_make_no_sense(options, message):
    with pytest.raises(RsnMmError, match=message):
        MpiiPCKh(**options)


def broken(**changes):
    def apply(sample):
        sample['gt_instances'].update(changes.get('gt', {}))
        sample['pred_instances'].update(changes.get('pred', {}))
        for key in changes.get('drop', ()):
            del sample['gt_instances'][key]
    return apply


@pytest.mark.parametrize('apply, message', [
    (broken(drop=['head_size']), 'annotation id 3: head size None'),
    (broken(gt=dict(head_size=np.zeros((1, 1)))), r'annotation id 3: head size \[\[0.\]\]'),
    (broken(gt=dict(head_size=np.full((1, 1), np.nan))), 'head size .*nan'),
    (broken(pred=dict(keypoints=np.zeros((1, 17, 2)))), r'predicted keypoints \(1, 17, 2\)'),
])
def test_a_sample_that_cannot_be_measured_is_named(tmp_path, apply, message):
    persons = mpii_files.write_both(tmp_path)
    samples = samples_of(tmp_path, predictions_near(persons))
    apply(samples[3])
    with pytest.raises(DataError, match=message):
        evaluate(MpiiPCKh(), samples)


def test_numbers_of_persons_are_for_the_result_file_alone(tmp_path):
    persons = mpii_files.write_both(tmp_path)
    samples = samples_of(tmp_path, predictions_near(persons))
    expected = evaluate(MpiiPCKh(), samples)
    for sample in samples:
        del sample['id']
    assert evaluate(MpiiPCKh(), samples) == expected
    with pytest.raises(KeyError, match='id'):
        MpiiPCKh(result_file=str(tmp_path / 'pred.mat')).process([], samples)


class Joints17:
    ann_file = 'coco.json'
    metainfo = dict(num_keypoints=17)


def test_data_are_refused_before_the_run(tmp_path):
    mpii_files.write_both(tmp_path)
    ann_file, heads = str(tmp_path / ANNOTATIONS), str(tmp_path / HEAD_BOXES)
    result_file = str(tmp_path / 'pred.mat')
    whole = MpiiDataset(ann_file=ann_file, headbox_file=heads, test_mode=True)
    part = MpiiDataset(ann_file=ann_file, headbox_file=heads, test_mode=True, indices=5)
    headless = MpiiDataset(ann_file=ann_file, test_mode=True)
    MpiiPCKh().check_dataset(whole)
    MpiiPCKh().check_dataset(part)
    MpiiPCKh(result_file=result_file).check_dataset(whole)
    MpiiPCKh(result_file=result_file, format_only=True).check_dataset(headless)
    for options, dataset, message in (
            ({}, headless, 'headbox_file of the dataset is not set'),
            (dict(result_file=result_file), part, 'all 20 persons, but the dataset has 5'),
            ({}, Joints17(), '17 joints, but MpiiPCKh is for the 16 of MPII')):
        with pytest.raises(DataError, match=message):
            MpiiPCKh(**options).check_dataset(dataset)
