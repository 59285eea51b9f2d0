"""Exported files: torch's numbers for every batch size, and properties that say what they are."""

import json
import re

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession

from rsn_mm.apis import export_onnx, export_program
from rsn_mm.codecs import RSNHeatmap
from rsn_mm.errors import ExistingFileError, ExportError, OptionError, OptionTypeError, OutputError
from rsn_mm.export import checking, files
from rsn_mm.export.files import OPSET, prepare
from rsn_mm.export.metadata import Metadata, box_extension, joints_of

from .tiny import SIZE_WH, expected, images_of, preprocessed, tiny_model

PIXELS, RELATIVE = 0.01, 1e-3
RSB = {'model.backbone.unit': 'rsb'}


def run(path, images):
    return InferenceSession(str(path)).run(None, {'images': images})


# ------------------------------------------------------------------------------------ the numbers


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """The file of a network, and the metadata that were returned."""
    path = tmp_path_factory.mktemp('exported') / 'tiny.onnx'
    return path, export_onnx(tiny_model(**RSB), path, opset=OPSET)


def assert_agrees(path, metadata, model, flip_test, reference=expected):
    """The keypoints in a file are those of torch, for batches of several sizes."""
    for batch in (1, 3, 16):
        images = images_of(batch, seed=batch)
        found, scores = run(path, images.astype(metadata.input_type))
        _, keypoints, expected_scores = reference(model, images, flip_test)
        np.testing.assert_allclose(found, keypoints, atol=PIXELS, rtol=0)
        np.testing.assert_allclose(scores, expected_scores, atol=RELATIVE, rtol=0)
    assert len(np.unique(found.round(2).reshape(-1, 2), axis=0)) > 10  # not all at one place


def test_keypoints_are_torchs_for_every_batch(exported):
    assert_agrees(*exported, tiny_model(**RSB), flip_test=True)


@pytest.mark.parametrize('changes, options', [
    # two stages with a PRM, another normalization and order of channels, a larger blur
    ({'model.backbone.num_stages': 2, 'model.head.num_stages': 2,
      'model.head.prm': dict(position='feature'),
      'model.data_preprocessor.bgr_to_rgb': True,
      'model.data_preprocessor.mean': [120., 110., 100.],
      'model.head.decoder.blur_kernel_size': 9},
     dict(flip_test=False, input_type='float32')),
    # MSPN, 4 joints, maps that are shifted after the mirror
    ({'model.backbone.unit': 'bottleneck', 'model.head.out_channels': 4,
      'model.head.loss': dict(topk=4), 'model.test_cfg.shift_heatmap': True},
     dict(flip_test=True, dataset_meta=dict(
         keypoint_id2name=dict(enumerate('abcd')), skeleton_links=[(0, 1)],
         flip_indices=[1, 0, 2, 3]))),
])
def test_keypoints_of_other_networks(tmp_path, changes, options):
    model = tiny_model(**changes)
    model.dataset_meta = options.pop('dataset_meta', model.dataset_meta)
    path = tmp_path / 'tiny.onnx'
    metadata = export_onnx(model, path, **options)
    reference = shifted if changes.get('model.test_cfg.shift_heatmap') else expected
    assert_agrees(path, metadata, model, options['flip_test'], reference)


def shifted(model, images, flip_test):
    """As ``expected``, where mirrored maps are moved by one cell."""
    direct, *_ = expected(model, images, flip_test=False)
    mirrored, *_ = expected(model, images[..., ::-1].copy(), flip_test=False)
    mirrored = mirrored[:, model.dataset_meta['flip_indices'], :, ::-1].copy()
    mirrored[..., 1:] = mirrored[..., :-1].copy()
    heatmaps = (direct + mirrored) / 2
    return heatmaps, *(
        each.numpy() for each in model.head.decoder.locate(torch.from_numpy(heatmaps)))


def test_heatmaps_of_images_that_are_normalized_before(tmp_path):
    model = tiny_model()
    metadata = export_onnx(model, tmp_path / 'maps.onnx', output='heatmaps', normalize=False,
                           input_type='float32', flip_test=False)
    images = images_of(3)
    found, = run(tmp_path / 'maps.onnx', preprocessed(model, images).numpy())
    maps, *_ = expected(model, images, flip_test=False)
    np.testing.assert_allclose(found, maps, atol=RELATIVE * abs(maps).max(), rtol=0)
    by_hand = (images - np.reshape(metadata.mean, (3, 1, 1))) / np.reshape(metadata.std, (3, 1, 1))
    np.testing.assert_allclose(by_hand, preprocessed(model, images), rtol=1e-5)


def test_program_of_torch(tmp_path):
    model, images = tiny_model(), images_of(3)
    export_program(model, tmp_path / 'tiny.pt2')
    stored = dict.fromkeys(Metadata.property_names(), '')
    program = torch.export.load(tmp_path / 'tiny.pt2', extra_files=stored)
    found, scores = program.module()(torch.from_numpy(images))
    _, keypoints, expected_scores = expected(model, images, flip_test=True)
    np.testing.assert_allclose(found, keypoints, atol=PIXELS, rtol=0)
    np.testing.assert_allclose(scores, expected_scores, atol=RELATIVE, rtol=0)
    assert Metadata.from_properties(stored, 'tiny.pt2').flip_test


@pytest.mark.parametrize('kernel', [5, 9])
def test_search_without_branches_is_the_codecs(kernel):
    codec = RSNHeatmap(SIZE_WH, blur_kernel_size=kernel)
    maps = torch.rand((2, 6, 16, 12), generator=torch.Generator().manual_seed(1)) * 255
    maps[0, 0] = 0
    maps[0, 1] = 7  # all cells equal
    maps[0, 2] = -maps[0, 2]
    maps[0, 3] = 0
    maps[0, 3, 5, 4] = maps[0, 3, 5, 6] = 200  # neighbors of the maximum that are equal
    maps[0, 4] = 0
    maps[0, 4, -1, -1] = 255  # a corner
    for found, there in zip(codec.locate_together(maps), codec.locate(maps)):
        torch.testing.assert_close(found, there, rtol=0, atol=0)


# ------------------------------------------------------------------------------ what a file holds


def test_file_describes_itself(exported):
    path, metadata = exported
    written = onnx.load(path)
    onnx.checker.check_model(written)
    properties = {each.key: each.value for each in written.metadata_props}
    assert Metadata.from_properties(properties, path) == metadata
    assert json.loads(properties['rsn_mm.input_size']) == list(SIZE_WH)
    assert metadata.mean == (128., ) * 3 and metadata.std == (64., ) * 3
    assert metadata.flip_test and metadata.color_order == 'BGR'  # as the config says
    assert metadata.keypoints[:2] == ('nose', 'left_eye') and (1, 2) in metadata.flip_pairs
    assert len(metadata.flip_pairs) == 8 and len(metadata.skeleton) == 19
    assert metadata.box_extension == (0.25, 0.25)
    assert 'num_blocks' in metadata.config
    assert (written.producer_name, written.opset_import[0].version) == ('rsn_mm', OPSET)
    assert written.graph.input[0].type.tensor_type.shape.dim[0].dim_param == 'batch'
    # nothing about the machine that exported it
    assert b'/rsn_mm/' not in path.read_bytes() and b'site-packages' not in path.read_bytes()


def test_a_model_alone_has_numbered_joints():
    model = tiny_model()
    del model.cfg, model.dataset_meta
    _, metadata = prepare(model, flip_test=False)
    assert metadata.keypoints == tuple(map(str, range(17)))
    assert (metadata.skeleton, metadata.box_extension, metadata.config) == ((), None, '')
    with pytest.raises(ExportError, match='the flip test needs dataset_meta'):
        prepare(model, flip_test=True)


LOAD, PACK = dict(type='rsn_mm.LoadImage'), dict(type='PackPoseInputs')
AFFINE = dict(type='TopdownAffine', input_size=SIZE_WH)


@pytest.mark.parametrize('pipeline, extension', [
    ([LOAD, dict(type='rsn_mm.ExtendBBox', fixed=(0.09, 0.135)), AFFINE, PACK], (0.09, 0.135)),
    ([LOAD, dict(type='GetBBoxCenterScale'), AFFINE, PACK], (0.25, 0.25)),
    ([LOAD, dict(type='GetBBoxCenterScale', padding=1.), dict(
        type='rsn_mm.ExtendBBox', fixed=(0.5, 1.)), AFFINE, PACK], (0.5, 1.)),
    ([LOAD, dict(type='GetBBoxCenterScale'), dict(AFFINE, use_udp=True), PACK], None),
    ([LOAD, dict(type='GetBBoxCenterScale'), dict(type='RandomFlip'), AFFINE, PACK], None),
    ([LOAD, dict(type='rsn_mm.ExtendBBox', random=(0.1, 0.1)), AFFINE, PACK], None),
    ([LOAD, PACK], None),
    ([], None),
])
def test_box_extension_is_that_of_the_test_pipeline(pipeline, extension):
    assert box_extension(pipeline) == extension


# -------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize('options, error, message', [
    (dict(input_type='int8'), OptionError, "input_type='int8', expected one of"),
    (dict(output='poses'), OptionError, "output='poses', expected one of"),
    (dict(normalize=False), OptionError, "normalize=False needs input_type='float32'"),
    (dict(opset=17), ExportError, 'opset=17, expected 18 to'),
    (dict(opset=99), ExportError, 'opset=99, expected 18 to'),
    (dict(dataset_meta=dict(keypoint_id2name={0: 'a'}, flip_indices=[0])), ExportError,
     'the dataset has 1 joints, the model 17'),
])
def test_bad_options(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        export_onnx(tiny_model(), tmp_path / 'tiny.onnx', **options)
    assert not list(tmp_path.iterdir())


def test_bad_models(tmp_path):
    padding, udp, linear = tiny_model(), tiny_model(), torch.nn.Linear(1, 1)
    padding.data_preprocessor.pad_size_divisor = 32
    udp.test_cfg['flip_mode'] = 'udp_combined'
    for model, error, message in (
            (padding, ExportError, 'pad_size_divisor=32'), (udp, ExportError, 'flip_mode='),
            (linear, OptionTypeError, 'Linear, expected TopdownPoseEstimator')):
        with pytest.raises(error, match=message):
            export_onnx(model, tmp_path / 'tiny.onnx')


def test_a_file_is_not_written_over(tmp_path):
    path = tmp_path / 'tiny.onnx'
    path.write_bytes(b'precious')
    with pytest.raises(ExistingFileError, match='tiny.onnx is there already'):
        export_onnx(tiny_model(), path)
    assert path.read_bytes() == b'precious'
    with pytest.raises(OutputError, match='expected a file ending with .onnx'):
        export_onnx(tiny_model(), tmp_path / 'tiny.pb')
    with pytest.raises(OutputError, match='expected a file ending with .pt2'):
        export_program(tiny_model(), tmp_path / 'tiny.onnx')


def test_a_file_with_other_numbers_is_not_written(exported, tmp_path, monkeypatch):
    """The exporter has written files with wrong values without an error."""
    content = exported[0].read_bytes()
    network, _ = prepare(tiny_model(**RSB))
    checking.check(network, content)
    wrong = onnx.load_from_string(content)
    weights = next(each for each in wrong.graph.initializer if len(each.dims) == 4)
    weights.raw_data = onnx.numpy_helper.from_array(
        -onnx.numpy_helper.to_array(weights)).raw_data
    monkeypatch.setattr(files, 'to_onnx', lambda *args: wrong)
    with pytest.raises(ExportError, match='the exported file is wrong: .* of the joints of 3'):
        export_onnx(tiny_model(**RSB), tmp_path / 'tiny.onnx')
    assert not list(tmp_path.iterdir())


def test_errors_of_torchs_exporter_are_one_message(tmp_path, monkeypatch):
    def fail(*args, **options):
        raise RuntimeError('\n  a guard was violated\nmuch more')

    monkeypatch.setattr(torch.export, 'export', fail)
    with pytest.raises(ExportError, match=(
            rf'^torch {re.escape(torch.__version__)} cannot trace the network for an export '
            r'\(RuntimeError: a guard was violated\); exports are tested with torch 2.13$')):
        export_onnx(tiny_model(), tmp_path / 'tiny.onnx')
    assert not list(tmp_path.iterdir())


def test_joints_need_a_dataset_of_their_number():
    with pytest.raises(ExportError, match='the dataset has 17 joints, the model 14'):
        joints_of(tiny_model().dataset_meta, 14)
