"""The result file of COCO's server scores as the run that writes it."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, METRICS
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rsn_mm.errors import DataError, ExistingFileError, OptionError, OutputError
from rsn_mm.evaluation import CocoMetric
from rsn_mm.evaluation.coco import check_ground_truth
from tests.tools.tiny_run import draw_persons

SAMPLE = Path(__file__).parents[3] / 'shared' / 'data' / 'coco_sample' / 'person_keypoints.json'
NAMES = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR', 'AR .5', 'AR .75', 'AR (M)', 'AR (L)')


@pytest.fixture(params=['drawn', 'real'])
def annotations(request, tmp_path):
    """An annotation file; that of real persons is not part of the project."""
    if request.param == 'real':
        if not SAMPLE.is_file():
            pytest.skip(f'the annotations are not here: {SAMPLE}')
        return SAMPLE
    path = tmp_path / 'persons.json'
    path.write_text(json.dumps(draw_persons(tmp_path)))
    return path


def predictions(annotations, seed=0):
    """The annotated joints, moved by up to a tenth of the person's height, as a run gives them."""
    init_default_scope('mmpose')
    rng = np.random.default_rng(seed)
    dataset = DATASETS.build(dict(type='CocoDataset', ann_file=str(annotations), test_mode=True))
    samples = []
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        height = info['bbox'][0, 3] - info['bbox'][0, 1]
        spread = rng.uniform(0, 0.1) * height
        samples.append(dict(
            id=info['id'], img_id=info['img_id'], category_id=1,
            gt_instances=dict(bbox_scores=rng.uniform(0.1, 1, 1), bbox_scales=np.ones((1, 2))),
            pred_instances=dict(
                keypoints=info['keypoints'] + rng.normal(0, 1, (1, 17, 2)) * spread,
                keypoint_scores=rng.uniform(0.5, 1.5, (1, 17)), bboxes=info['bbox'])))
    return dataset, samples


def measure(annotations, **options):
    dataset, samples = predictions(annotations)
    metric = METRICS.build(dict(
        type='rsn_mm.CocoMetric', ann_file=str(annotations), nms_mode='none', **options))
    metric.dataset_meta = dataset.metainfo
    metric.process({}, samples)
    return metric.evaluate(len(samples)), samples


def test_the_file_scores_as_the_run(annotations, tmp_path):
    out = tmp_path / 'results.json'
    metrics, samples = measure(annotations, result_file=str(out))
    assert 0 < metrics['coco/AP'] < 1
    truth = COCO(str(annotations))
    evaluation = COCOeval(truth, truth.loadRes(str(out)), 'keypoints')
    for step in ('evaluate', 'accumulate', 'summarize'):
        getattr(evaluation, step)()
    for place, name in enumerate(NAMES):
        # Of these, COCO leaves out unmatched persons of another size: by the extent of their joints
        # here, by their boxes in MMPose's file.
        if name in ('AP (M)', 'AP (L)') and annotations == SAMPLE:
            continue
        assert evaluation.stats[place] == pytest.approx(metrics[f'coco/{name}'], abs=1e-9), name

    persons = {person['score']: person for person in json.loads(out.read_text())}
    assert len(persons) == len(samples)
    for sample in samples:
        instance = sample['pred_instances']
        score = instance['keypoint_scores'].mean() * sample['gt_instances']['bbox_scores'][0]
        person = persons[min(persons, key=lambda found: abs(found - score))]
        assert person.keys() == {'image_id', 'category_id', 'keypoints', 'score'}
        assert (person['image_id'], person['category_id']) == (sample['img_id'], 1)
        joints = np.array(person['keypoints']).reshape(17, 3)
        np.testing.assert_allclose(joints[:, :2], instance['keypoints'][0], atol=5.1e-4)
        assert (joints[:, 2] == 1).all()


def test_measuring_alone_is_mmposes(annotations):
    """Without a file nothing is different."""
    metrics, samples = measure(annotations)
    dataset, _ = predictions(annotations)
    plain = METRICS.build(dict(type='CocoMetric', ann_file=str(annotations), nms_mode='none'))
    plain.dataset_meta = dataset.metainfo
    plain.process({}, predictions(annotations)[1])
    assert plain.evaluate(len(samples)) == metrics


def test_formatting_alone_measures_nothing_and_writes_one_file(annotations, tmp_path):
    out = tmp_path / 'new' / 'results.json'
    metrics, samples = measure(annotations, result_file=str(out), format_only=True)
    assert metrics == {} and list(out.parent.iterdir()) == [out]
    assert len(json.loads(out.read_text())) == len(samples)


def test_what_would_write_nothing_or_over_a_file_is_refused(tmp_path):
    with pytest.raises(OptionError, match='needs a result_file'):
        CocoMetric(format_only=True)
    there = tmp_path / 'there.json'
    there.write_text('mine')
    with pytest.raises(ExistingFileError, match='result_file .*there.json is there already'):
        CocoMetric(result_file=str(there))
    with pytest.raises(OutputError, match=r'expected a file ending with \.json'):
        CocoMetric(result_file=str(tmp_path / 'x.txt'))


@pytest.mark.parametrize('key, message', [
    ('categories', "has no 'categories'"), ('area', "annotation 101 has no 'area'.*16 have none"),
    ('iscrowd', None), (None, None)])
def test_a_file_that_the_evaluation_would_fail_on_is_found_before(tmp_path, key, message):
    content = draw_persons(tmp_path)
    content.pop(key, None)
    for annotation in content['annotations']:
        annotation.pop(key, None)
    path = tmp_path / 'persons.json'
    path.write_text(json.dumps(content))
    metric = METRICS.build(dict(type='mmpose.CocoMetric', ann_file=str(path)))
    if message is None:
        check_ground_truth(metric)
        return
    with pytest.raises(DataError, match=message):
        check_ground_truth(metric)
    if key == 'area':
        check_ground_truth(METRICS.build(dict(
            type='mmpose.CocoMetric', ann_file=str(path), use_area=False)))
