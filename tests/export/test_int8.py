"""Networks in 8-bit integers: what is quantized, what it loses, and what is refused."""

import sys
from collections import Counter

import numpy as np
import onnx
import openvino
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.registry import MODELS

from rsn_mm.apis import Predictor, export_int8
from rsn_mm.cli import quantize as command
from rsn_mm.errors import ExistingFileError, ExportError, MissingPackageError, OptionError
from rsn_mm.export import quantization
from rsn_mm.export.accuracy import AccuracyTest, calibration_crops
from rsn_mm.export.estimator import ExportedEstimator
from rsn_mm.export.files import prepare, to_onnx
from rsn_mm.export.int8 import (
    FORMATS,
    PARTS,
    float_nodes,
    onnx_nodes,
    openvino_nodes,
)
from rsn_mm.export.sessions import Content, open_session
from tests import golden
from tests.tools.tiny_run import call, write_run, write_weights

from .tiny import images_of, tiny_model

PCK = '''
test_evaluator = [dict(type='PCKAccuracy', thr=0.5, norm_item='bbox')]
default_hooks['checkpoint'].update(save_best='PCK', rule='greater')
'''


@pytest.fixture(scope='module')
def exported():
    """The ONNX model of a network with the flip test, which takes seconds."""
    return to_onnx(*prepare(tiny_model()))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A dataset, a config that measures a PCK on it, and a network of fixed weights."""
    folder = tmp_path_factory.mktemp('int8')
    config = write_run(folder)
    config.write_text(config.read_text() + "model['backbone']['unit'] = 'basic'\n" + PCK)
    write_weights(config)
    return folder


@pytest.fixture
def model(folder):
    """The estimator of the config, as init_model of MMPose builds it."""
    init_default_scope('mmpose')
    cfg = Config.fromfile(folder / 'tiny.py')
    model = golden.fill(MODELS.build(cfg.model))
    model.cfg, model.dataset_meta = cfg, dataset_meta_from_config(cfg)
    return model


def weights_in_openvino(path) -> list[np.ndarray]:
    """The stored weights of every convolution."""
    found = []
    for node in openvino.Core().read_model(path).get_ordered_ops():
        if 'Convolution' in node.get_type_name():
            weights = node.input(1).get_source_output().get_node()
            while weights.inputs():
                weights = weights.input(0).get_source_output().get_node()
            found.append(weights.get_data())
    return found


def weights_in_onnx(path) -> list[np.ndarray]:
    """As :func:`weights_in_openvino`."""
    graph = onnx.load(path).graph
    stored = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    made_by = {value: node for node in graph.node for value in node.output}
    found = []
    for node in graph.node:
        if node.op_type == 'Conv':
            maker = made_by.get(node.input[1])
            found.append(stored[maker.input[0] if maker else node.input[1]])
    return found


WEIGHTS = {'.xml': weights_in_openvino, '.onnx': weights_in_onnx}


@pytest.mark.parametrize('float_parts', [(), tuple(PARTS)])
@pytest.mark.parametrize('ending', FORMATS)
def test_convolutions_are_quantized_except_those_that_stay_in_float(
        exported, tmp_path, ending, float_parts):
    images, content = images_of(8), exported.SerializeToString()
    path = tmp_path / f'int8{ending}'
    FORMATS[ending].write(content, images, float_parts, path)
    weights = WEIGHTS[ending](path)
    types = Counter(each.dtype.name for each in weights)
    # The stem is one convolution, a predictor are two; nothing else is in float.
    assert types['float32'] == (3 if float_parts else 0) and types['int8'] > 10
    assert set(types) <= {'float32', 'int8'}
    # Two products with a byte from 0 to 255 fit into 16 bits.
    highest = {np.abs(each.astype(int)).max() for each in weights if each.dtype == np.int8}
    assert highest <= {63, 64}
    exact, near = (open_session(file, FORMATS[ending].runtime) for file in (Content(content), path))
    assert near.metadata == exact.metadata
    scores, expected = near(images)['scores'], exact(images)['scores']
    # The median, because another of two cells that are nearly equal may be the highest.
    assert 0 < np.median(np.abs(scores - expected)) < 0.02 * np.ptp(expected)


@pytest.mark.parametrize('ending', FORMATS)
def test_the_highest_values_of_a_single_image_are_kept(exported, tmp_path, ending):
    images, content = images_of(8), exported.SerializeToString()
    images[1:] = 116 + (images[1:].astype(int) - 116) // 8  # seven images of little contrast
    path = tmp_path / f'int8{ending}'
    FORMATS[ending].write(content, images, (), path)
    near, exact = (open_session(file, FORMATS[ending].runtime)(images[:1])['scores']
                   for file in (path, Content(content)))
    assert 0 < np.median(np.abs(near - exact)) < 0.02 * np.ptp(exact)


def test_the_search_for_keypoints_and_the_normalization_stay_in_float(exported):
    graph = openvino.Core().read_model(exported.SerializeToString())
    kinds = {node.get_friendly_name(): node.get_type_name() for node in graph.get_ordered_ops()}
    nodes = float_nodes(openvino_nodes(graph))
    assert {'keypoints', 'scores'} <= nodes
    assert {'TopK', 'Divide', 'Subtract'} <= {kinds[name] for name in nodes}
    assert 'Convolution' not in {kinds[name] for name in nodes}

    kinds = {node.name: node.op_type for node in exported.graph.node}
    found = {kinds[name] for name in float_nodes(onnx_nodes(exported))}
    assert {'ArgMax', 'Div', 'Sub'} <= found and not {'Conv', 'Relu', 'MaxPool'} & found


@pytest.mark.parametrize('ending, names', [('.xml', ['int8.bin', 'int8.xml']),
                                           ('.onnx', ['int8.onnx'])])
def test_written_read_and_used(folder, model, tmp_path, ending, names):
    path = tmp_path / f'int8{ending}'
    found = export_int8(model, path, calibration_images=8, max_loss=10)
    assert found.metric == 'PCK' and 0.05 < found.accuracy < 0.95
    [attempt] = found.attempts
    assert attempt.loss == pytest.approx(100 * (found.accuracy - attempt.accuracy))
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    assert open_session(path, FORMATS[ending].runtime).metadata == found.metadata
    # Weights of a byte each: a quarter of those in float32.
    weights = sum(value.numel() for value in model.parameters())
    assert weights < (tmp_path / names[0]).stat().st_size < 1.2 * weights

    image, boxes = images_of(1, (100, 80))[0].transpose(1, 2, 0), [[10, 5, 60, 70]]
    config = folder / 'tiny.py'
    [exact] = Predictor(config, folder / 'tiny.pth', 'cpu')(image, boxes)
    [near] = Predictor(config, path, 'cpu', runtime=FORMATS[ending].runtime)(image, boxes)
    difference = np.abs(near.keypoint_scores - exact.keypoint_scores)
    assert 0 < difference.max() < 0.1 * np.ptp(exact.keypoint_scores) + 0.01


def test_the_accuracy_is_that_of_the_test_command(folder, model, exported, tmp_path, capsys):
    assert call('test.py', folder / 'tiny.py', folder / 'tiny.pth', '--work-dir', tmp_path / 'run',
                '--out', tmp_path / 'metrics.json') is None
    expected = Config.fromfile(tmp_path / 'metrics.json')['PCK']
    capsys.readouterr()
    session = open_session(Content(exported.SerializeToString()), 'openvino')
    estimator = ExportedEstimator(session, model.head.decoder, model.test_cfg)
    assert AccuracyTest(model.cfg)(estimator) == pytest.approx(expected, abs=1e-6)
    assert capsys.readouterr().out == ''


@pytest.fixture
def scores(monkeypatch, exported):
    """Replaces the test by given values, float32 first, and the quantization by a copy."""
    values: list = []

    def test(self, estimator, advance=None):
        value = values.pop(0)
        if isinstance(value, Exception):
            raise value
        return value

    def write_copy(content, images, float_parts, path):
        for file in quantization.files_of(path):
            file.write_bytes(b'')

    monkeypatch.setattr(AccuracyTest, '__call__', test)
    real = quantization.open_session
    monkeypatch.setattr(quantization, 'open_session', lambda file, runtime: real(
        Content(exported.SerializeToString()), runtime))
    monkeypatch.setattr(quantization, 'to_onnx', lambda network, metadata: exported)
    for ending, format_ in FORMATS.items():
        monkeypatch.setitem(FORMATS, ending, format_._replace(write=write_copy))
    return values


@pytest.mark.parametrize('losses, tried', [
    ([0.3], 1),
    ([-1., ], 1),  # int8 may be better by chance
    ([0.6, 0.5], 2),
    ([3., 2., 1., 0.4], 4),
])
def test_as_few_parts_stay_in_float_as_are_needed(model, scores, tmp_path, losses, tried):
    scores += [0.8, *(0.8 - loss / 100 + 1e-9 for loss in losses)]
    found = export_int8(model, tmp_path / 'a.xml', calibration_images=2)
    assert [each.float_parts for each in found.attempts] == list(quantization.ATTEMPTS[:tried])
    assert found.accuracy == 0.8 and not scores and (tmp_path / 'a.xml').exists()


def test_a_loss_above_the_limit_writes_nothing(model, scores, tmp_path):
    scores += [0.8, 0.75, 0.76, 0.77, 0.78]
    with pytest.raises(ExportError, match=r'more than max_loss=0.5 points of PCK, which is 0.8000 '
                       r'in float32 \(nothing in float32: \+5.00 points lost; stem .*\+4.00.*'
                       r'stem and predictor in float32: \+2.00 points lost\)'):
        export_int8(model, tmp_path / 'a.xml', calibration_images=2)
    assert not list(tmp_path.iterdir())
    scores += [0.8, 0.75]
    export_int8(model, tmp_path / 'a.xml', calibration_images=2, max_loss=5.1)


def test_a_network_that_openvino_cannot_run_is_passed_over(model, scores, tmp_path):
    scores += [0.8, ExportError('no kernel for this mixture'), 0.8]
    found = export_int8(model, tmp_path / 'a.xml', calibration_images=2)
    assert [each.accuracy for each in found.attempts] == [None, 0.8]
    assert str(found.attempts[0]) == 'nothing in float32: no kernel for this mixture'
    assert 'cannot be run' in str(list(command.loss_table(found).columns[1].cells))


def test_calibration_sees_people_as_the_test_does(folder, model):
    cfg = model.cfg
    crops = calibration_crops(cfg, 'train', 5)
    every = [sample['inputs'].numpy() for sample in DATASETS.build(cfg.test_dataloader.dataset)]
    assert len(crops) == 5 and len(every) == 16
    places = [next(i for i, other in enumerate(every) if np.array_equal(crop, other))
              for crop in crops]
    assert places == sorted(set(places)) and places != list(range(5))
    np.testing.assert_array_equal(calibration_crops(cfg, 'train', 5), crops)
    assert len(calibration_crops(cfg, 'val', 1000)) == 16
    cfg.train_dataloader.dataset = dict(
        type='CombinedDataset', datasets=[dict(type='RepeatDataset', times=3,
                                               dataset=cfg.train_dataloader.dataset)])
    np.testing.assert_array_equal(calibration_crops(cfg, 'train', 5), crops)


@pytest.mark.parametrize('options, error, message', [
    (dict(max_loss=float('nan')), OptionError, 'max_loss=nan, expected points from 0 on'),
    (dict(calibration_images=0), OptionError, 'calibration_images=0, expected 1 or more'),
    (dict(calibration_data='all'), OptionError, "calibration_data='all', expected 'train'"),
    (dict(metric='AP'), OptionError, "metric='AP', expected one of PCK"),
    (dict(input_type='int8'), OptionError, "input_type='int8'"),
])
def test_bad_options(model, exported, monkeypatch, tmp_path, options, error, message):
    monkeypatch.setattr(quantization, 'to_onnx', lambda network, metadata: exported)
    with pytest.raises(error, match=message):
        export_int8(model, tmp_path / 'a.xml', **options)
    assert not list(tmp_path.iterdir())


def test_bad_configs(model, exported, monkeypatch, tmp_path):
    monkeypatch.setattr(quantization, 'to_onnx', lambda network, metadata: exported)

    def refuses(message, **changes):
        cfg = Config(model.cfg.to_dict())
        cfg.merge_from_dict(changes)
        with pytest.raises(OptionError, match=message):
            export_int8(model, tmp_path / 'a.xml', config=cfg)

    refuses('no test_evaluator, which measures what int8 loses', test_evaluator=None)
    refuses("metric is not given, .*save_best=None", **{
        'default_hooks.checkpoint.save_best': None})
    refuses("save_best='EPE', rule='less'", **{
        'default_hooks.checkpoint': dict(save_best='EPE', rule='less')})
    refuses('no train_dataloader.dataset with an ann_file', train_dataloader=None)
    refuses('test_evaluator.0 .Nothing.: KeyError', test_evaluator=[dict(type='Nothing')])
    refuses(r"metric='EPE' is [\d.]+, expected one that grows with the accuracy", **{
        'test_evaluator': [dict(type='EPE')], 'default_hooks.checkpoint.save_best': 'EPE'})
    model.cfg = None
    with pytest.raises(OptionError, match='the model has no config, whose data it needs'):
        export_int8(model, tmp_path / 'a.xml')


def test_files_are_not_overwritten(model, scores, tmp_path):
    (tmp_path / 'a.bin').write_text('weights')
    with pytest.raises(ExistingFileError, match='a.bin'):
        export_int8(model, tmp_path / 'a.xml')
    scores += [0.8, 0.8]
    export_int8(model, tmp_path / 'a.xml', calibration_images=2, overwrite=True)
    assert (tmp_path / 'a.bin').read_bytes() == b''


@pytest.mark.parametrize('package, file', [
    ('nncf', 'a.xml'), ('openvino', 'a.xml'), ('onnxruntime.quantization', 'a.onnx')])
def test_missing_packages(model, monkeypatch, tmp_path, package, file):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError,
                       match=rf'needs the package {package}, .*\[int8\]'):
        export_int8(model, tmp_path / file)


def test_the_command_prints_what_is_lost(folder, scores, tmp_path, capsys):
    scores += [0.8, 0.7, 0.797]
    arguments = [str(folder / 'tiny.py'), str(folder / 'tiny.pth'), str(tmp_path / 'a.xml'),
                 '--calibration-images', '2']
    command.main(arguments)
    out = capsys.readouterr().out
    assert 'float32' in out and '0.8000' in out and '10.00' in out and '0.30' in out
    assert 'int8, stem in float32' in out and 'a.xml: ' in out and '(B, 3, 64, 48) uint8' in out
    for more, message in (([], 'a.xml is there already: '),
                          (['--force', '--no-normalize'], 'needs --input-type float32'),
                          (['--force', '--max-loss', '-1'], 'max_loss=-1.0, expected points')):
        with pytest.raises(SystemExit) as end:
            command.main([*arguments, *more])
        assert message in str(end.value)
    with pytest.raises(SystemExit) as end:
        command.main([*arguments[:2], 'a.pt2'])
    assert 'a.pt2: expected a file ending with .xml or .onnx' in str(end.value)
