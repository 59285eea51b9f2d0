"""tools/detect_persons.py: what a detector of mmdet finds becomes boxes of a pose test."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS as POSE_MODELS

from tests.tools.tiny_detector import DETECTOR, OPTIONS, SMALL, write_detector
from tests.tools.tiny_run import call, write_run


@pytest.fixture(scope='module', autouse=True)
def scope_of_mmpose():
    yield
    init_default_scope('mmpose')


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """Drawn images, and a detector of random weights that finds persons (label 0) and dogs (16)."""
    folder = tmp_path_factory.mktemp('detect')
    write_run(folder)
    write_detector(folder)
    return folder


def detect(folder, images, out, *args, options=OPTIONS):
    return call('detect_persons.py', DETECTOR, folder / 'det.pth', images, out, *args, *options)


@pytest.fixture(scope='module')
def persons(run):
    """What the tool writes of an annotation file, whose annotations do not matter."""
    content = json.loads((run / 'persons.json').read_text())
    content['images'][0]['id'] = 7000
    info = run / 'info.json'
    info.write_text(json.dumps(dict(images=content['images'], categories=content['categories'])))
    assert detect(run, info, run / 'found' / 'persons.json', '--batch-size', 3) is None
    assert [path.name for path in (run / 'found').iterdir()] == ['persons.json']
    return json.loads((run / 'found' / 'persons.json').read_text())


def of_image(persons, image_id):
    return [person for person in persons if person['image_id'] == image_id]


def test_the_file_has_the_format_of_detections(persons):
    assert {person['image_id'] for person in persons} == {7000, *range(2, 17)}
    for person in persons:
        assert person.keys() == {'image_id', 'category_id', 'bbox', 'score'}
        assert person['category_id'] == 1
        x, y, width, height = person['bbox']
        assert width > 0 and height > 0 and 0 <= person['score'] <= 1
        assert x >= 0 and y >= 0 and x + width <= 100.001 and y + height <= 80.001
    scores = [person['score'] for person in of_image(persons, 2)]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) > 3


def test_boxes_are_those_of_mmdet(run, persons):
    from mmdet.apis import inference_detector, init_detector
    cfg = Config.fromfile(DETECTOR)
    cfg.merge_from_dict(SMALL)
    model = init_detector(cfg, str(run / 'det.pth'), device='cpu')
    found = inference_detector(model, str(run / '005.png')).pred_instances
    assert set(found.labels.tolist()) == {0, 16}
    mine = found[found.labels == 0]
    expected = torch.cat((mine.bboxes[:, :2], mine.bboxes[:, 2:] - mine.bboxes[:, :2]), 1)
    boxes_xywh = np.array([person['bbox'] for person in of_image(persons, 5)])
    np.testing.assert_allclose(boxes_xywh, expected, atol=1e-3)
    np.testing.assert_allclose([p['score'] for p in of_image(persons, 5)], mine.scores, atol=1e-5)


@pytest.mark.parametrize('category', ['dog', '16'])
def test_another_category_and_a_threshold(run, tmp_path, persons, category):
    (tmp_path / 'one.json').write_text(json.dumps(dict(images=[
        dict(id=5, file_name='005.png')])))
    out = tmp_path / 'dogs.json'
    args = (run, tmp_path / 'one.json', out, '--img-dir', run, '--category', category)
    assert detect(*args) is None
    dogs = json.loads(out.read_text())
    assert dogs and {dog['category_id'] for dog in dogs} == {1}
    assert not {tuple(dog['bbox']) for dog in dogs} & {tuple(p['bbox']) for p in persons}
    out.unlink()
    median = float(np.median([dog['score'] for dog in dogs]))
    assert detect(*args, '--score-thr', median) is None
    assert json.loads(out.read_text()) == [dog for dog in dogs if dog['score'] >= median]


def test_a_folder_of_images_named_by_their_ids(run, tmp_path, persons):
    (tmp_path / 'images').mkdir()
    shutil.copy(run / '005.png', tmp_path / 'images' / '000000000123.png')
    (tmp_path / 'images' / 'readme.txt').write_text('no image')
    assert detect(run, tmp_path / 'images', tmp_path / 'out.json') is None
    found = json.loads((tmp_path / 'out.json').read_text())
    assert {person['image_id'] for person in found} == {123}
    assert len(found) == len(of_image(persons, 5))


def test_a_pose_test_takes_the_file(run, tmp_path):
    """From images over detections to a result file."""
    detections = tmp_path / 'persons.json'
    assert detect(run, run / 'persons.json', detections, *OPTIONS,
                  'model.test_cfg.max_per_img=20') is None
    expected = json.loads(detections.read_text())
    init_default_scope('mmpose')
    model = POSE_MODELS.build(Config.fromfile(run / 'tiny.py').model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'pose.pth')
    out = tmp_path / 'poses.json'
    assert call('test.py', run / 'tiny.py', tmp_path / 'pose.pth', '--detections', detections,
                '--format-only', out, '--work-dir', tmp_path / 'work', '--cfg-options',
                'test_evaluator.0.nms_mode=none') is None
    poses = json.loads(out.read_text())
    assert len(expected) > 16
    assert [pose['image_id'] for pose in poses] == [person['image_id'] for person in expected]


def test_predict_finds_the_same_people(run, tmp_path, monkeypatch):
    """`rsn-mm predict` with the detector, and with the file that the detector has made."""
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(DETECTOR)
    cfg.merge_from_dict(SMALL)
    cfg.dump('det.py')
    assert detect(run, run / 'persons.json', 'found.json', '--score-thr', 0.5) is None
    init_default_scope('mmpose')
    model = POSE_MODELS.build(Config.fromfile(run / 'tiny.py').model)
    torch.save(dict(state_dict=model.state_dict()), 'pose.pth')
    images = [run / f'{i:03d}.png' for i in range(1, 4)]
    for out, people in (('a.jsonl', ('--detector', 'det.py', run / 'det.pth', '--box-thr', 0.5)),
                        ('label.jsonl', ('--detector', 'det.py', run / 'det.pth', '--box-thr', 0.5,
                                         '--category', '0')),
                        ('other.jsonl', ('--detector', 'det.py', run / 'det.pth', '--box-thr', 0.5,
                                         '--category', 'dog')),
                        ('b.jsonl', ('--boxes', 'found.json'))):
        assert call('predict.py', *images, '--model', run / 'tiny.py', 'pose.pth', *people,
                    '--output', out, '--batch-size', 2) is None
    found, expected = ([json.loads(line) for line in Path(name).read_text().splitlines()]
                       for name in ('a.jsonl', 'b.jsonl'))
    assert sum(len(image['people']) for image in found) > 10
    assert Path('label.jsonl').read_text() == Path('a.jsonl').read_text()
    assert Path('other.jsonl').read_text() != Path('a.jsonl').read_text()
    for one, other in zip(found, expected, strict=True):
        values = {name: [np.array([person[name] for person in image['people']])
                         for image in (one, other)] for name in ('box', 'score', 'keypoints')}
        np.testing.assert_allclose(*values['box'], atol=1e-2)
        np.testing.assert_allclose(*values['score'], atol=1e-4)
        # Rounding of the file's boxes decides between cells that are equally high without training.
        assert (np.abs(np.subtract(*values['keypoints'])) < 1e-2).mean() > 0.98


# ------------------------------------------------------------------------------------- clear errors


@pytest.mark.parametrize('args, message', [
    (('info.json', 'found/persons.json'), 'OUT found/persons.json is there already'),
    (('info.json', 'out.txt'), 'OUT out.txt: expected a file ending with .json'),
    (('no.json', 'out.json'), 'no.json does not exist, expected an annotation file or a folder'),
    (('tiny.py', 'out.json'), "tiny.py: expected COCO's format, 'images' with 'id'"),
    (('info.json', 'out.json', '--img-dir', 'found'), '16 of 16 images do not exist, the first is '
     'found/001.png; --img-dir tells'),
    (('found', 'out.json'), 'found has no images'),
    (('found', 'out.json', '--img-dir', '.'), 'found is the folder of the images'),
    (('named', 'out.json'), 'first.png: its name is no image id'),
    (('twice', 'out.json'), 'have the same image id'),
    (('info.json', 'out.json', '--category', 'cow boy'), 'category cow boy: the detector knows'),
    (('info.json', 'out.json', '--category', '80'), '(labels 0 to 79)'),
    (('info.json', 'out.json', '--batch-size', '0'), '--batch-size 0: expected 1 or more'),
    (('info.json', 'out.json', '--score-thr', '2'), '--score-thr 2.0: expected 0 to 1'),
])
def test_what_cannot_be_done_is_said_in_one_message(run, persons, monkeypatch, args, message):
    monkeypatch.chdir(run)
    for name, files in (('named', ('first.png', )), ('twice', ('1.png', '01.png'))):
        Path(name).mkdir(exist_ok=True)
        for file in files:
            Path(name, file).touch()
    error = detect(run, *args)
    assert isinstance(error, str), error
    assert error.startswith('detect_persons.py: error: ') and message in error
    assert not Path('out.json').exists()


def test_labels_are_those_of_the_head_where_the_checkpoint_names_no_classes(run, tmp_path):
    """mmdet takes COCO's 80 names, whatever the head."""
    weights = torch.load(run / 'det.pth')['state_dict']
    for key in ('bbox_head.retina_cls.weight', 'bbox_head.retina_cls.bias'):
        weights[key] = weights[key][::80].clone()  # of label 0, for each anchor
    torch.save(dict(state_dict=weights), tmp_path / 'one.pth')
    out = tmp_path / 'out.json'
    command = ('detect_persons.py', DETECTOR, tmp_path / 'one.pth', run / 'persons.json', out)
    options = (*OPTIONS, 'model.bbox_head.num_classes=1')
    for category in ('5', 'dog'):
        with pytest.warns(UserWarning, match='use COCO classes by default') as warned:
            error = call(*command, '--category', category, *options)
        assert f'category {category}: the detector knows person (labels 0 to 0)' in error
        assert not out.exists()
        said = ' '.join(str(each.message) for each in warned)
        assert 'palette' not in said and 'VisBackend' not in said
    assert call(*command, *options) is None
    assert json.loads(out.read_text())


@pytest.mark.parametrize('checkpoint, options, message', [
    ('det.pth', ('--cfg-options', 'model.backbone.num_blocks=1,1,1,2'), ' is missing'),
    ('det.pth', (*OPTIONS, 'model.bbox_head.num_classes=3'), 'expected (27, 256, 3, 3)'),
    ('no.pth', OPTIONS, 'checkpoint no.pth does not exist'),
])
def test_checkpoints_that_do_not_fit(run, monkeypatch, tmp_path, checkpoint, options, message):
    monkeypatch.chdir(run)
    error = call('detect_persons.py', DETECTOR, checkpoint, run / 'persons.json',
                 tmp_path / 'out.json', *options)
    assert error.startswith('detect_persons.py: error: checkpoint') and message in error


def test_ops_that_are_not_there_are_named(run, tmp_path, monkeypatch):
    from rsn_mm.compat.mmcv_extension import MissingOpError

    def missing(*args):
        raise MissingOpError('the op roi_align_forward of mmcv is compiled code')

    monkeypatch.setattr('rsn_mm.prediction.detectors.Detector.find', missing)
    error = detect(run, run / 'persons.json', tmp_path / 'out.json')
    assert 'error: the op roi_align_forward of mmcv is compiled' in error


def test_broken_images_can_be_skipped(run, persons, tmp_path, capsys):
    (tmp_path / 'images').mkdir()
    shutil.copy(run / '005.png', tmp_path / 'images' / '5.png')
    (tmp_path / 'images' / '6.png').write_bytes(b'')
    args = (run, tmp_path / 'images', tmp_path / 'out.json')
    assert detect(*args, '--skip-errors') == 3
    assert 'of 2 images, 1 skipped: ' in capsys.readouterr().out
    assert {p['image_id'] for p in json.loads((tmp_path / 'out.json').read_text())} == {5}
