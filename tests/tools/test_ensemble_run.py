"""tools/test.py on ensembles, with optimized models, and for evaluation servers."""

import json
import pickle
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.models.pose_estimators import TopdownPoseEstimator
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rsn_mm.apis import OptimizedEstimator
from rsn_mm.checkpoints.fitting import load_strictly
from rsn_mm.models import Ensemble
from rsn_mm.registry import MODELS
from tests.tools.tiny_run import call, fork_two, write_run

TRAIN = ('--no-validate', '--cfg-options', 'optim_wrapper.optimizer.lr=5e-3')
LARGE_SIZE = ('input_size=(48, 64), heatmap_size=(12, 16)',
              'input_size=(72, 96), heatmap_size=(18, 24)')


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """Networks of two input sizes, trained until they find something, and ensembles of them."""
    folder = tmp_path_factory.mktemp('run')
    config = write_run(folder)
    text = config.read_text()
    (folder / 'large.py').write_text(text.replace(*LARGE_SIZE))
    for name, epochs in (('tiny', 30), ('large', 6)):
        assert call('train.py', folder / f'{name}.py', '--work-dir', folder / name, *TRAIN,
                    f'train_cfg.max_epochs={epochs}',
                    f'default_hooks.checkpoint.interval={epochs}') is None
    tiny = f"dict(config='{folder}/tiny.py', checkpoint='{folder}/tiny/epoch_30.pth')"
    large = f"dict(config='{folder}/large.py', checkpoint='{folder}/large/epoch_6.pth', weight=0.5)"
    base = ("_base_ = ['./tiny.py']\n"
            "model = dict(_delete_=True, type='rsn_mm.Ensemble', members=[{}])\n")
    (folder / 'alone.py').write_text(base.format(tiny))
    (folder / 'both.py').write_text(
        base.format(f'{tiny}, {large}') + "test_dataloader = dict(dataset=dict(pipeline=[\n"
        "    dict(type='LoadImage'), dict(type='GetBBoxCenterScale'),\n"
        "    dict(type='rsn_mm.PackInputSizes', input_sizes=[(48, 64), (72, 96)])]))\n")
    return folder


def evaluate(folder, name, *args):
    """Metrics and predictions of a run of tools/test.py."""
    out, dump = folder / f'{name}.json', folder / f'{name}.pkl'
    assert call('test.py', *args, '--work-dir', folder / 'test', '--out', out, '--dump', dump
                ) is None
    return json.loads(out.read_text()), pickle.loads(dump.read_bytes())


@pytest.fixture(scope='module')
def single(run):
    return evaluate(run, 'single', run / 'tiny.py', run / 'tiny' / 'epoch_30.pth')


@pytest.fixture(scope='module')
def both(run):
    return evaluate(run, 'both', run / 'both.py')


def difference(found, expected, name='keypoints'):
    """The largest one between two runs' predictions, of the same persons."""
    assert [p['id'] for p in found] == [p['id'] for p in expected]
    return max(abs(p['pred_instances'][name] - q['pred_instances'][name]).max()
               for p, q in zip(found, expected))


# ---------------------------------------------------------------------------------------- ensembles


def test_an_ensemble_of_one_is_tested_as_that_one(run, single, tmp_path):
    metrics, predictions = evaluate(tmp_path, 'alone', run / 'alone.py')
    assert metrics == single[0] and metrics['coco/AP'] > 0
    for name in ('keypoints', 'keypoint_scores'):
        assert difference(predictions, single[1], name) == 0


def test_an_ensemble_of_two_sizes_is_tested(run, single, both):
    metrics, predictions = both
    assert metrics.keys() == single[0].keys() and len(predictions) == 16
    assert difference(predictions, single[1]) > 1  # the other one counts


def test_weights_can_be_changed_from_the_command_line(run, single, tmp_path):
    _, predictions = evaluate(tmp_path, 'light', run / 'both.py', '--cfg-options',
                            'model.members.1.weight=1e-9', 'model.reference=0')
    assert difference(predictions, single[1]) < 1e-2


def test_two_processes_test_an_ensemble_without_a_checkpoint(run, both):
    fork_two('test.py', 'both.py', '--work-dir', 'two', '--out', 'two.json', '--dump', 'two.pkl',
             '--optimize', cwd=run, port=29723)
    found = json.loads((run / 'two.json').read_text())
    assert found['EPE'] == pytest.approx(both[0]['EPE'], abs=1e-3)
    assert difference(pickle.loads((run / 'two.pkl').read_bytes()), both[1]) < 1e-2


# ----------------------------------------------------------------------------------------- optimize


@pytest.fixture
def classes(monkeypatch):
    """The classes of the estimators that predict."""
    # One sample is tried with the model as it is.
    monkeypatch.setattr('rsn_mm.engine.check_data_hook.try_run', lambda runner, model: None)
    used = set()
    forward = torch.nn.Module.__call__

    def note(module, *args, **kwargs):
        used.add(type(module))
        return forward(module, *args, **kwargs)

    monkeypatch.setattr(TopdownPoseEstimator, '__call__', note, raising=False)
    return used


@pytest.mark.parametrize('args', [
    ('CHECKPOINT', '--optimize'), ('CHECKPOINT', '--optimize', 'fp32'),
    ('--optimize', 'CHECKPOINT'), ('--optimize', 'fp32', 'CHECKPOINT')])
def test_an_optimized_model_predicts_the_same(run, single, tmp_path, classes, args):
    checkpoint = run / 'tiny' / 'epoch_30.pth'
    metrics, predictions = evaluate(
        tmp_path, 'fast', run / 'tiny.py',
        *(checkpoint if arg == 'CHECKPOINT' else arg for arg in args))
    assert classes == {OptimizedEstimator}
    assert difference(predictions, single[1]) < 1e-2
    assert difference(predictions, single[1], 'keypoint_scores') < 1e-4
    assert metrics['EPE'] == pytest.approx(single[0]['EPE'], abs=1e-3)


def test_without_the_option_nothing_is_optimized(run, tmp_path, classes):
    evaluate(tmp_path, 'plain', run / 'alone.py')
    assert {kind.__name__ for kind in classes} == {'TopdownPoseEstimator'}


def test_the_members_of_an_ensemble_are_optimized(run, both, tmp_path, classes):
    _, predictions = evaluate(tmp_path, 'fast', run / 'both.py', '--optimize')
    assert classes == {OptimizedEstimator}
    assert difference(predictions, both[1]) < 1e-2


def test_what_is_no_dtype_is_refused(run, capsys):
    assert call('test.py', run / 'tiny.py', run / 'tiny' / 'epoch_30.pth', '--optimize', 'fp8'
                ) == 2
    assert '--optimize fp8: expected fp32 or bf16 or fp16' in capsys.readouterr().err


@pytest.mark.parametrize('name', ['tiny', 'both'])
def test_after_the_test_the_model_is_as_before(run, tmp_path, classes, name):
    cfg = Config.fromfile(run / f'{name}.py')
    cfg.work_dir, cfg.load_from = str(tmp_path), None
    cfg.experiment_name = f'twice_{name}'
    cfg.custom_hooks = [dict(type='rsn_mm.OptimizeHook')]
    runner = Runner.from_cfg(cfg)
    if name == 'tiny':
        load_strictly(runner.model, str(run / 'tiny' / 'epoch_30.pth'))
    modules = list(runner.model.modules())
    first, second = runner.test(), runner.test()
    assert first == second and classes == {OptimizedEstimator}
    assert all(one is other for one, other in zip(runner.model.modules(), modules, strict=True))


def test_bfloat16_is_near(run, single, tmp_path, monkeypatch):
    dtypes = set()
    heatmaps = OptimizedEstimator.heatmaps

    def note(self, inputs):
        dtypes.update(parameter.dtype for parameter in self.parameters())
        return heatmaps(self, inputs)

    monkeypatch.setattr(OptimizedEstimator, 'heatmaps', note)
    metrics, _ = evaluate(tmp_path, 'bf16', run / 'tiny.py', run / 'tiny' / 'epoch_30.pth',
                        '--optimize', 'bf16')
    assert torch.bfloat16 in dtypes
    assert metrics['EPE'] == pytest.approx(single[0]['EPE'], rel=0.2)


# ------------------------------------------------------------------------------------------ results


def score(annotations, results):
    """AP and AR of COCO's own evaluation of a result file."""
    truth = COCO(str(annotations))
    evaluation = COCOeval(truth, truth.loadRes(str(results)), 'keypoints')
    for step in ('evaluate', 'accumulate', 'summarize'):
        getattr(evaluation, step)()
    return evaluation.stats


def check_results(persons, images, joints=17):
    assert all(person.keys() == {'image_id', 'category_id', 'keypoints', 'score'}
               and len(person['keypoints']) == 3 * joints for person in persons)
    assert {person['image_id'] for person in persons} == images
    assert {person['category_id'] for person in persons} == {1}


def test_a_result_file_scores_as_the_run_does(run, single, tmp_path):
    out = tmp_path / 'new' / 'results.json'
    args = ('test.py', run / 'tiny.py', run / 'tiny' / 'epoch_30.pth', '--work-dir', tmp_path)
    assert call(*args, '--format-only', out) is None
    persons = json.loads(out.read_text())
    check_results(persons, set(range(1, 17)))
    assert list(out.parent.iterdir()) == [out]
    stats, metrics = score(run / 'persons.json', out), single[0]
    assert metrics['coco/AP'] > 0 and len(set(metrics.values())) > 3
    # Not AP (M) and AP (L): COCO's tools tell the size of unmatched results by their joints.
    for place, name in ((0, 'AP'), (1, 'AP .5'), (2, 'AP .75'), (5, 'AR'), (6, 'AR .5')):
        assert stats[place] == pytest.approx(metrics[f'coco/{name}'], abs=1e-9), name
    # x and y are those of the predictions.
    joints = np.array(persons[0]['keypoints']).reshape(17, 3)
    assert (joints[:, 2] == 1).all()
    np.testing.assert_allclose(
        joints[:, :2], single[1][0]['pred_instances']['keypoints'][0], atol=6e-4)
    before = out.read_bytes()
    assert 'is there already' in call(*args, '--format-only', out)
    assert out.read_bytes() == before


@pytest.fixture
def dev_folder(run, tmp_path):
    """The images as test-dev's lie: without annotations, with detections of its persons."""
    content = json.loads((run / 'persons.json').read_text())
    info = {key: content[key] for key in ('images', 'categories')}
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations' / 'image_info_test-dev2017.json').write_text(json.dumps(info))
    (tmp_path / 'test2017').symlink_to(run)
    detections = [dict(image_id=a['image_id'], category_id=1, bbox=a['bbox'], score=0.9)
                  for a in content['annotations']]
    (tmp_path / 'person_detection_results').mkdir()
    (tmp_path / 'person_detection_results'
     / 'COCO_test-dev2017_detections_AP_H_609_person.json').write_text(json.dumps(detections))
    return tmp_path


@pytest.mark.parametrize('config, checkpoint', [('tiny.py', ('tiny/epoch_30.pth', )),
                                                ('both.py', ())])
def test_test_dev_in_one_command(run, single, dev_folder, config, checkpoint):
    work_dir = dev_folder / 'work'
    args = ('test.py', run / config, *(run / path for path in checkpoint), '--test-dev',
            '--work-dir', work_dir, '--cfg-options',
            f'test_dataloader.dataset.data_root={dev_folder}',
            # A logger of its own: runs of one name in the same second share theirs.
            f'experiment_name=test_dev_of_{config[:-3]}')
    assert call(*args) is None
    out = work_dir / f'person_keypoints_test-dev2017_{config[:-3]}_results.json'
    persons = json.loads(out.read_text())
    check_results(persons, set(range(1, 17)))
    if config == 'tiny.py':  # the boxes are the annotated ones, so the result is too
        assert score(run / 'persons.json', out)[0] == pytest.approx(single[0]['coco/AP'], abs=1e-9)
    log = next(work_dir.glob('*/*.log')).read_text()
    assert 'kept 16 of 16 detections; 0 of 16 images have none' in log
    assert 'result_file' in call(*args)  # written once


def test_detections_of_another_file(run, single, dev_folder, tmp_path):
    content = json.loads((run / 'persons.json').read_text())
    detections = [dict(image_id=1, category_id=1, bbox=content['annotations'][0]['bbox'],
                       score=0.5)]
    (tmp_path / 'one.json').write_text(json.dumps(detections))
    args = (run / 'tiny.py', run / 'tiny' / 'epoch_30.pth', '--detections', tmp_path / 'one.json')
    out = tmp_path / 'out.json'
    assert call('test.py', *args, '--work-dir', tmp_path, '--format-only', out) is None
    persons = json.loads(out.read_text())
    assert [person['image_id'] for person in persons] == [1]
    expected = single[1][0]['pred_instances']['keypoint_scores'].mean() * 0.5
    assert persons[0]['score'] == pytest.approx(expected, rel=1e-5)


# ------------------------------------------------------------------------------------- clear errors


TINY = ('tiny.py', 'tiny/epoch_30.pth')


@pytest.mark.parametrize('args, message', [
    (('test.py', 'both.py', 'tiny/epoch_30.pth'), 'both.py is an ensemble, whose members have'),
    (('test.py', 'tiny.py'), 'tiny.py is no ensemble: name the checkpoint'),
    (('test.py', 'alone.py', '--cfg-options', 'model.members.0.checkpoint=no.pth'),
     'checkpoint no.pth does not exist'),
    (('test.py', 'alone.py', '--cfg-options', 'model.members.0.config=no.py'),
     'the config of member 0 (no.py) does not exist'),
    (('test.py', 'alone.py', '--cfg-options', 'model.members.0.weight=0'), 'has weight=0'),
    (('test.py', 'both.py', '--cfg-options', 'model.members.1.checkpoint=tiny.py'),
     'is refused: it is not a file of torch'),
    (('test.py', 'both.py', '--optimize', 'tiny/epoch_30.pth'), 'both.py is an ensemble, whose'),
    (('test.py', 'both.py', '--cfg-options',
      'test_dataloader.dataset.pipeline.2.input_sizes=[(48, 64),(72, 96),(96, 128)]'),
     'has (96, 128) in input_sizes, but the members of the ensemble have (48, 64), (72, 96)'),
    (('test.py', 'both.py', '--cfg-options',
      'test_dataloader.dataset.pipeline.1.padding=2'), 'it would see other boxes than alone'),
    (('test.py', 'both.py', '--cfg-options',
      'test_dataloader.dataset.pipeline.2.input_sizes=[(48, 64)]'),
     'PackInputSizes has input_sizes=[(48, 64)], none of which'),
    (('test.py', 'alone.py', '--cfg-options', 'test_dataloader.dataset.type=CrowdPoseDataset'),
     'is made for the joints nose, left_eye'),
    (('train.py', 'alone.py', '--work-dir', 'new'), 'an ensemble is not trained: train its'),
    (('test.py', *TINY, '--optimize', '--cfg-options', 'model.type=rsn_mm.Subclass'),
     'cannot be optimized'),
    (('test.py', *TINY, '--format-only', 'x.txt'), '--format-only x.txt: expected a file'),
    (('test.py', *TINY, '--format-only', 'persons.json'), 'is there already'),
    (('test.py', *TINY, '--format-only', 'x.json', '--out', 'y.json'), 'nothing that --out could'),
    (('test.py', *TINY, '--format-only', 'x.json', '--badcase'), 'nothing that --badcase could'),
    (('test.py', *TINY, '--format-only', 'x.json', '--cfg-options',
      'test_evaluator.0.type=CocoWholeBodyMetric'),
     'none of the metrics CocoWholeBodyMetric, EPE of test_evaluator writes'),
    (('test.py', *TINY, '--test-dev'), 'detections_AP_H_609_person.json do not exist'),
    (('test.py', *TINY, '--test-dev', '--detections', 'no.json'), 'no.json do not exist'),
    (('test.py', *TINY, '--test-dev', '--detections', 'persons.json'),
     'image_info_test-dev2017.json does not exist'),
    (('test.py', *TINY, '--detections', 'persons.json'), 'expected a list of detections'),
    (('test.py', *TINY, '--detections', 'persons.json', '--cfg-options',
      'test_dataloader.dataset.type=MpiiDataset'), 'the test data are a MpiiDataset'),
])
def test_what_cannot_be_done_is_said_in_one_message(run, monkeypatch, args, message):
    monkeypatch.chdir(run)
    # An estimator that has no fast form.
    subclass = type('Subclass', (TopdownPoseEstimator, ), {})
    monkeypatch.setitem(MODELS.module_dict, 'Subclass', subclass)
    error = call(*args)
    assert isinstance(error, str), error
    assert error.startswith(f'{args[0]}: error: ') and message in error
    assert not (run / 'x.json').exists() and not (run / 'y.json').exists()


def test_images_without_annotations_need_detections(run, dev_folder):
    error = call('test.py', run / 'tiny.py', run / 'tiny' / 'epoch_30.pth', '--work-dir',
                 dev_folder / 'work', '--format-only', dev_folder / 'x.json', '--cfg-options',
                 f'test_dataloader.dataset.data_root={dev_folder}',
                 'test_dataloader.dataset.ann_file=annotations/image_info_test-dev2017.json')
    assert 'boxes of images without annotations come from a bbox_file' in error


def test_an_ensemble_is_a_model_of_the_runner(run, both, tmp_path):
    cfg = Config.fromfile(run / 'both.py')
    cfg.work_dir, cfg.experiment_name = str(tmp_path), 'of_the_runner'
    runner = Runner.from_cfg(cfg)
    assert type(runner.model) is Ensemble and len(runner.model.members) == 2
    # Without the tool: members load their checkpoints by themselves.
    assert runner.test() == pytest.approx(both[0])
    assert not any(module.training for module in runner.model.modules())
    for member, path in zip(runner.model.members, ('tiny/epoch_30.pth', 'large/epoch_6.pth')):
        stored = torch.load(run / path)['state_dict']
        assert all(value.equal(stored[key]) for key, value in member.state_dict().items())


@pytest.fixture
def address(run, tmp_path, monkeypatch):
    """Of the run's folder, in a web of this machine alone."""
    for name in ('http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    with ThreadingHTTPServer(
            ('127.0.0.1', 0), partial(SimpleHTTPRequestHandler, directory=run)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


def test_a_checkpoint_of_the_web_is_checked_and_tested(run, single, address, tmp_path):
    metrics, _ = evaluate(tmp_path, 'web', run / 'tiny.py', f'{address}/tiny/epoch_30.pth')
    assert metrics == single[0]
    # Another one fits in the names, not in the shapes.
    error = call('test.py', run / 'tiny.py', f'{address}/large/epoch_6.pth', '--work-dir', tmp_path,
                 '--cfg-options', 'model.backbone.unit_channels=8', 'model.head.unit_channels=8')
    assert f'checkpoint {address}/large/epoch_6.pth does not fit the model' in error
    error = call('test.py', run / 'tiny.py', f'{address}/no.pth', '--work-dir', tmp_path)
    assert f'checkpoint {address}/no.pth cannot be downloaded' in error
