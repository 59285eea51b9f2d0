"""Pictures and boxes to poses: as MMPose's own inference, in batches, or one clear error."""

import math
import os
import warnings

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import inference_topdown, init_model
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

from rsn_mm.apis import Predictor
from rsn_mm.checkpoints import CheckpointError
from rsn_mm.prediction.frames import Frame
from tests import golden
from tests.conversion.samples import ROOT
from tests.fresh import run_fresh

RNG = np.random.default_rng(0)
WIDE, HIGH = (cv2.resize(RNG.integers(0, 255, (*size, 3), np.uint8), None, fx=8, fy=8)
              for size in ((30, 40), (50, 25)))  # 320 x 240 and 200 x 400
WIDE_BOXES = np.array([[10, 20, 110, 220], [150, 5, 300, 120], [-20, 100, 90, 260]], np.float32)
HIGH_BOXES = np.array([[0, 0, 200, 400], [30, 50, 90, 333]], np.float32)


def config(name='rsn18_coco-256x192', **changes):
    cfg = Config.fromfile(ROOT / 'configs' / 'rsn' / f'{name}.py')
    cfg.merge_from_dict({'model.backbone.num_blocks': (1, 1, 1, 1), **changes})
    return cfg


def write_checkpoint(folder, cfg, **meta):
    path = folder / 'weights.pth'
    model = golden.fill(init_model(cfg.copy(), device='cpu'))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return path


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """The config of a small network and its checkpoint, and two pictures."""
    folder = tmp_path_factory.mktemp('predictor')
    cfg = config()
    cfg.dump(folder / 'config.py')
    write_checkpoint(folder, cfg)
    cv2.imwrite(str(folder / 'wide.png'), WIDE)
    cv2.imwrite(str(folder / 'high.png'), HIGH)
    return folder


@pytest.fixture(scope='module')
def predictor(folder):
    return Predictor(folder / 'config.py', folder / 'weights.pth', device='cpu')


def forwards(predictor):
    """The batches that the model sees from now on."""
    seen = []
    predictor.model.data_preprocessor.register_forward_hook(
        lambda module, args, out: seen.append(len(out['inputs'])))
    return seen


def assert_same(found, expected, atol=0.):
    assert len(found) == len(expected)
    for here, there in zip(found, expected):
        for name in ('keypoints', 'keypoint_scores', 'bboxes_xyxy', 'scores'):
            np.testing.assert_allclose(here[name], there[name], atol=atol, rtol=0, err_msg=name)


# ------------------------------------------------------------------------------ what it predicts


@pytest.mark.parametrize('name, changes', [
    ('rsn18_coco-256x192', {}),
    ('rsn18_coco-256x192', {'model.test_cfg.flip_test': False}),
    ('rsn18_mpii-256x256', {'model.test_cfg.output_heatmaps': True}),
])
def test_agrees_with_mmposes_inference(tmp_path, name, changes):
    cfg = config(name, **changes)
    checkpoint = write_checkpoint(tmp_path, cfg)
    mmposes = init_model(cfg.copy(), str(checkpoint), device='cpu')
    found = Predictor(cfg, checkpoint, device='cpu')([WIDE, HIGH], [WIDE_BOXES, HIGH_BOXES])
    assert len(found) == 2
    for people, image, boxes in zip(found, (WIDE, HIGH), (WIDE_BOXES, HIGH_BOXES)):
        expected = [sample.pred_instances for sample in inference_topdown(mmposes, image, boxes)]
        keypoints = np.concatenate([each.keypoints for each in expected])
        scores = np.concatenate([each.keypoint_scores for each in expected])
        assert people.keypoints.shape == (len(boxes), cfg.model.head.out_channels, 2)
        np.testing.assert_allclose(people.keypoints, keypoints, atol=1e-2)
        np.testing.assert_allclose(people.keypoint_scores, scores, atol=1e-4)
        np.testing.assert_array_equal(people.bboxes_xyxy, boxes)
        np.testing.assert_allclose(people.scores, scores.mean(1), atol=1e-4)
        assert set(people.keys()) == {'keypoints', 'keypoint_scores', 'bboxes_xyxy', 'scores'}
        assert {people[name].dtype for name in people.keys()} == {np.dtype('float32')}


def test_paths_pictures_and_both_are_the_same(folder, predictor):
    paths = [folder / 'wide.png', str(folder / 'high.png')]
    boxes = [WIDE_BOXES, HIGH_BOXES]
    expected = predictor([WIDE, HIGH], boxes)
    assert_same(predictor(paths, boxes), expected)
    assert_same(predictor([paths[0], HIGH], boxes), expected)
    alone = expected[:1]
    for one, its in ((WIDE, WIDE_BOXES), (paths[0], [WIDE_BOXES]), ([WIDE], WIDE_BOXES),
                     (str(paths[0]), WIDE_BOXES.tolist()), ((WIDE, ), WIDE_BOXES[None]),
                     (WIDE, torch.from_numpy(WIDE_BOXES))):
        assert_same(predictor(one, its), alone, atol=1e-3)


def test_people_of_all_images_share_batches(folder):
    predictor = Predictor(folder / 'config.py', folder / 'weights.pth', device='cpu')
    seen = forwards(predictor)
    images, boxes = [WIDE, HIGH, WIDE], [WIDE_BOXES, HIGH_BOXES, WIDE_BOXES[1:]]
    expected = predictor(images, boxes, batch_size=100)
    assert seen == [7]
    assert_same(expected[2:], [expected[0][1:]], atol=1e-2)
    for size, batches in ((1, [1] * 7), (3, [3, 3, 1]), (4, [4, 3])):
        seen.clear()
        assert_same(predictor(images, boxes, batch_size=size), expected, atol=1e-2)
        assert seen == batches


def test_whole_images_are_warned_about_once_unless_trained_on(folder):
    for whole_image, expected in ((False, 1), (True, 0)):
        cfg = config()
        cfg.whole_image = whole_image
        predictor = Predictor(cfg, folder / 'weights.pth', device='cpu')
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            predictor(HIGH, HIGH_BOXES)
            before = sum('trained on boxes' in str(each.message) for each in caught)
            predictor([HIGH, WIDE], [HIGH_BOXES, None])
            predictor(HIGH)
        assert before == 0
        assert sum('trained on boxes' in str(each.message) for each in caught) == expected


def test_without_boxes_the_image_is_the_box(predictor):
    expected = predictor([WIDE, HIGH], [[[0, 0, 320, 240]], [[0, 0, 200, 400]]])
    assert_same(predictor([WIDE, HIGH]), expected)
    assert_same(predictor([WIDE, HIGH], [None, np.array([[0, 0, 200, 400]])]), expected)


def test_a_pose_scores_by_its_box_and_its_joints(predictor):
    plain, = predictor(WIDE, WIDE_BOXES)
    scored, = predictor(WIDE, np.c_[WIDE_BOXES, [0.5, 1., 0.]])
    np.testing.assert_array_equal(scored.keypoints, plain.keypoints)
    np.testing.assert_array_equal(scored.bboxes_xyxy, WIDE_BOXES)
    np.testing.assert_allclose(plain.scores, plain.keypoint_scores.mean(1), rtol=1e-6)
    np.testing.assert_allclose(scored.scores, plain.scores * [0.5, 1, 0], rtol=1e-6)


@pytest.mark.parametrize('nobody', [[], np.zeros((0, 4)), np.zeros((0, 5), np.float32)])
def test_nobody_gives_empty_arrays(folder, nobody):
    predictor = Predictor(folder / 'config.py', folder / 'weights.pth', device='cpu')
    seen = forwards(predictor)
    shapes = dict(keypoints=(0, 17, 2), keypoint_scores=(0, 17), bboxes_xyxy=(0, 4), scores=(0, ))
    for empty in predictor([WIDE, HIGH], [nobody, nobody]):
        assert {name: empty[name].shape for name in empty.keys()} == shapes and len(empty) == 0
    for boxes in (nobody, [nobody]):
        empty, = predictor(WIDE, boxes)
        assert {name: empty[name].shape for name in empty.keys()} == shapes
    assert seen == [] and predictor([]) == []
    first, second = predictor([WIDE, HIGH], [nobody, HIGH_BOXES])
    assert len(first) == 0 and len(second) == 2


def test_people_can_be_chosen(predictor):
    people, = predictor(WIDE, WIDE_BOXES)
    chosen = people[people.bboxes_xyxy[:, 0] > 0]
    np.testing.assert_array_equal(chosen.keypoints, people.keypoints[:2])


def test_bfloat16_stays_near(folder, predictor):
    fast = Predictor(folder / 'config.py', folder / 'weights.pth', 'cpu', torch.bfloat16)
    assert torch.bfloat16 in {parameter.dtype for parameter in fast.model.parameters()}
    (exact, ), (near, ) = predictor(WIDE, WIDE_BOXES), fast(WIDE, WIDE_BOXES)
    np.testing.assert_allclose(near.keypoint_scores, exact.keypoint_scores, atol=0.02)
    # Flat random maps have rivals to the highest cell, which rounding can lift.
    moved = np.linalg.norm(near.keypoints - exact.keypoints, axis=-1)
    assert np.median(moved) < 1


def test_only_some_joints_where_the_config_says_so(tmp_path):
    cfg = config(**{'model.test_cfg.output_keypoint_indices': [0, 5, 6]})
    predictor = Predictor(cfg, write_checkpoint(tmp_path, cfg), device='cpu')
    assert [people.keypoints.shape for people in predictor([WIDE, WIDE], [WIDE_BOXES, []])] == [
        (3, 3, 2), (0, 3, 2)]


def test_the_result_can_be_drawn(predictor):
    people, = predictor(WIDE, WIDE_BOXES)
    visualizer = PoseLocalVisualizer()
    visualizer.set_dataset_meta(predictor.dataset_meta)
    assert predictor.dataset_meta['keypoint_id2name'][0] == 'nose'
    sample = PoseDataSample(pred_instances=people)
    picture = visualizer.add_datasample('poses', WIDE, sample, draw_gt=False, kpt_thr=0.)
    assert picture.shape == WIDE.shape and (picture != WIDE).any(-1).mean() > 0.01


def test_the_callers_config_stays_and_the_device_is_chosen(folder):
    cfg = config()
    before = cfg.pretty_text
    predictor = Predictor(cfg, folder / 'weights.pth')
    assert cfg.pretty_text == before
    assert predictor.device.type == ('cuda' if torch.cuda.is_available() else 'cpu')
    assert {p.device.type for p in predictor.model.parameters()} == {predictor.device.type}


def test_works_in_a_fresh_process(folder):
    """Nothing has to be imported before, and no scope to be set."""
    printed = run_fresh(f'''
        from rsn_mm.apis import Predictor
        predictor = Predictor({str(folder / 'config.py')!r}, {str(folder / 'weights.pth')!r},
                              device='cpu')
        print(predictor({str(folder / 'wide.png')!r})[0].keypoints.shape)
    ''')
    assert printed.splitlines()[-1] == '(1, 17, 2)'


# ------------------------------------------------------------------------------------- streams


@pytest.mark.parametrize('size', [1, 2, 3, 100])
def test_a_stream_gives_the_same_one_by_one(folder, predictor, size):
    images = [WIDE, Frame(HIGH, 'high'), folder / 'wide.png', WIDE, HIGH]
    boxes = [WIDE_BOXES, HIGH_BOXES, [], None, HIGH_BOXES[1:]]
    expected = predictor(images, boxes)
    assert_same(list(predictor.stream(iter(images), iter(boxes), size)), expected, atol=1e-2)
    assert_same(list(predictor.stream(images, batch_size=size)), predictor(images), atol=1e-2)
    assert list(predictor.stream([])) == []


def test_a_stream_does_not_run_ahead(predictor):
    asked: list[int] = []

    def endless():
        while True:
            asked.append(1)
            yield WIDE

    stream = predictor.stream(endless(), batch_size=2)
    for _ in range(3):
        next(stream)
    assert len(asked) < 12
    stream.close()


@pytest.mark.parametrize('images, boxes, error, message', [
    ([WIDE, 'no.png'], None, FileNotFoundError, 'image 1: no.png does not exist'),
    ([WIDE, WIDE], [WIDE_BOXES], ValueError, 'boxes_xyxy: 1 entries, expected one per image'),
    ([WIDE, WIDE], [None, [[1, 2, 3]]], ValueError, 'image 1: boxes of shape'),
])
def test_an_error_ends_a_stream(predictor, images, boxes, error, message):
    with pytest.raises(error, match=message):
        list(predictor.stream(images, boxes, batch_size=1))


# ------------------------------------------------------------------------------------- heatmaps


def test_heatmaps_lie_where_their_joints_are(folder, predictor):
    with_maps = Predictor(folder / 'config.py', folder / 'weights.pth', 'cpu', heatmaps=True)
    (found, empty), (plain, _) = (each([WIDE, WIDE], [WIDE_BOXES, []])
                                  for each in (with_maps, predictor))
    np.testing.assert_array_equal(found.keypoints, plain.keypoints)
    assert found.heatmaps.shape == (3, 17, 64, 48) and 'heatmaps' not in empty
    offsets = []  # of the highest cell's center from the keypoint, in cells
    for maps, (x1, y1, x2, y2), keypoints in zip(
            found.heatmaps, found.heatmap_boxes_xyxy, found.keypoints):
        # Decoding blurs the maps before it looks for the highest cell.
        maps = np.stack([cv2.GaussianBlur(each, (5, 5), 0, borderType=cv2.BORDER_CONSTANT)
                         for each in maps])
        rows, columns = np.divmod(maps.reshape(17, -1).argmax(-1), 48)
        cell = (x2 - x1) / 48, (y2 - y1) / 64
        offsets += [np.hypot(x / cell[0] - column - 0.5, y / cell[1] - row - 0.5) for x, y, row,
                    column in zip(*(keypoints - (x1, y1)).T, rows, columns)]
    # A quarter of a cell; rounding may decide between cells that are equally high.
    assert np.quantile(offsets, 0.9) < 0.36, offsets


# ----------------------------------------------------------------------------- networks of MMPose


def stock(head, codec, **changes):
    cfg = config('rsn18_coco-256x192', **changes)
    cfg.model.backbone = dict(type='ResNet', depth=18,
                              init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18'))
    cfg.model.head = dict(in_channels=512, out_channels=17, decoder=codec, **head)
    return cfg


HEATMAP = dict(type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)
SIMCC = dict(type='SimCCLabel', input_size=(192, 256), sigma=6.0, simcc_split_ratio=2.0)
HEADS = {
    'heatmap': (dict(type='HeatmapHead'), HEATMAP),
    'simcc': (dict(type='SimCCHead', input_size=(192, 256), in_featuremap_size=(6, 8),
                   simcc_split_ratio=2.0, deconv_out_channels=None), SIMCC),
}


@pytest.mark.parametrize('kind, flip', [('heatmap', True), ('heatmap', False), ('simcc', False)])
def test_networks_of_mmpose_predict_what_they_do_there(tmp_path, kind, flip):
    """A stock backbone and head, whose ImageNet weights are not asked for."""
    cfg = stock(*HEADS[kind], **{'model.test_cfg.flip_test': flip})
    path = tmp_path / 'weights.pth'
    mmposes = golden.fill(init_model(cfg.copy(), device='cpu'))
    torch.save(dict(state_dict=mmposes.state_dict(), meta={}), path)
    predictor = Predictor(cfg, path, 'cpu', heatmaps=kind == 'heatmap')
    people, = predictor(WIDE, WIDE_BOXES)
    expected = [sample.pred_instances for sample in inference_topdown(
        init_model(cfg.copy(), str(path), device='cpu'), WIDE, WIDE_BOXES)]
    np.testing.assert_allclose(people.keypoints, np.concatenate([p.keypoints for p in expected]),
                               atol=1e-2)
    np.testing.assert_allclose(
        people.keypoint_scores, np.concatenate([p.keypoint_scores for p in expected]), rtol=1e-3)
    assert len(predictor(WIDE, [])[0]) == 0
    assert ('heatmaps' in people) == (kind == 'heatmap')


def test_what_networks_of_mmpose_cannot_do(tmp_path):
    cfg = stock(*HEADS['simcc'])
    model = init_model(cfg.copy(), device='cpu')
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'weights.pth')
    with pytest.raises(ValueError, match='heatmaps=True, but the model has the codec SimCCLabel'):
        Predictor(cfg, tmp_path / 'weights.pth', 'cpu', heatmaps=True)
    with pytest.raises(ValueError, match='head SimCCHead, which runs in torch.float32 only'):
        Predictor(cfg, tmp_path / 'weights.pth', 'cpu', torch.bfloat16)
    weights = model.state_dict()
    weights['backbone.conv1.weight'] = weights['backbone.conv1.weight'][:3]
    torch.save(weights, tmp_path / 'weights.pth')
    with pytest.raises(CheckpointError, match='does not fit .* size mismatch for backbone.conv1'):
        Predictor(cfg, tmp_path / 'weights.pth', 'cpu')


# ----------------------------------------------------------------------------------- datasets


def test_the_data_set_is_that_of_the_checkpoint_or_else_of_the_config(tmp_path):
    cfg = config('rsn18_mpii-256x256')
    predictor = Predictor(cfg, write_checkpoint(tmp_path, cfg), device='cpu')
    assert predictor.dataset_meta['dataset_name'] == 'mpii'
    meta = {**predictor.dataset_meta, 'dataset_name': 'mine'}
    predictor = Predictor(cfg, write_checkpoint(tmp_path, cfg, dataset_meta=meta), device='cpu')
    assert predictor.dataset_meta['dataset_name'] == 'mine'

    cfg.train_dataloader.dataset.type = 'CocoDataset'
    with pytest.raises(ValueError, match='the dataset has 17 joints, the model out_channels=16'):
        Predictor(cfg, write_checkpoint(tmp_path, cfg), device='cpu')
    cfg.pop('train_dataloader')
    with pytest.raises(ValueError, match='neither the checkpoint nor train_dataloader'):
        Predictor(cfg, tmp_path / 'weights.pth', device='cpu')


# ------------------------------------------------------------------------------------ bad input


class Code:
    def __reduce__(self):
        return os.mkdir, ('executed', )


@pytest.mark.parametrize('content, error, message', [
    (None, CheckpointError, 'weights.pth does not exist'),
    (b'', CheckpointError, 'weights.pth is refused: it is an empty file'),
    (dict(state_dict=Code()), CheckpointError, 'it holds more than weights'),
    (dict(epoch=3), CheckpointError, 'entries that are not tensors'),
    (lambda state: state.popitem(), CheckpointError, 'does not fit .*: 1 missing: '),
    (lambda state: state.update(extra=torch.ones(1)), CheckpointError, '1 unknown: extra$'),
    (lambda state: state.update({next(iter(state)): torch.ones(1, 2)}), CheckpointError,
     r'1 of another shape: .* \(1, 2\), expected'),
])
def test_a_checkpoint_that_does_not_fit_is_one_clear_error(
        folder, tmp_path, monkeypatch, content, error, message):
    monkeypatch.chdir(tmp_path)
    if callable(content):
        state = torch.load(folder / 'weights.pth')['state_dict']
        content(state)
        content = dict(state_dict=state)
    if isinstance(content, bytes):
        (tmp_path / 'weights.pth').write_bytes(content)
    elif content is not None:
        torch.save(content, 'weights.pth')
    with pytest.raises(error, match=message):
        Predictor(folder / 'config.py', 'weights.pth', device='cpu')
    assert not (tmp_path / 'executed').exists()


@pytest.mark.parametrize('changes, error, message', [
    ({'model.type': 'BottomupPoseEstimator'}, TypeError,
     'the model is a BottomupPoseEstimator, expected a TopdownPoseEstimator with a head'),
    ({'model.head': dict(_delete_=True, type='HeatmapHead', in_channels=256, out_channels=17)},
     CheckpointError, 'does not fit the model of the config: 17 missing: head.deconv'),
    ({'test_dataloader': None}, ValueError, 'no test_dataloader.dataset.pipeline'),
    ({'test_dataloader.dataset.pipeline': [dict(type='PackPoseInputs')]}, ValueError,
     'the test pipeline begins with PackPoseInputs, expected LoadImage'),
])
def test_a_config_that_does_not_fit_is_one_clear_error(folder, changes, error, message):
    with pytest.raises(error, match=message):
        Predictor(config(**changes), folder / 'weights.pth', device='cpu')


def test_config_and_dtype_that_do_not_fit(folder):
    with pytest.raises(FileNotFoundError, match='config no.py does not exist'):
        Predictor('no.py', folder / 'weights.pth')
    with pytest.raises(TypeError, match='dtype=torch.float16'):
        Predictor(folder / 'config.py', folder / 'weights.pth', dtype=torch.float16)


NAN = math.nan
BOX = [10, 20, 30, 40]


@pytest.mark.parametrize('images, boxes, error, message', [
    # images
    ('no.png', None, FileNotFoundError, 'image 0: no.png does not exist'),
    ([WIDE, 'no.png'], None, FileNotFoundError, 'image 1: no.png does not exist'),
    (WIDE[..., 0], None, ValueError, r'image 0: array \(240, 320\) uint8, expected \(H, W, 3\)'),
    (WIDE[..., [0, 0, 0, 0]], None, ValueError, r'image 0: array \(240, 320, 4\)'),
    (WIDE / 255, None, ValueError, 'image 0: .*float64, expected'),
    (WIDE[:0], None, ValueError, r'image 0: array \(0, 320, 3\)'),
    (np.stack([WIDE, WIDE]), None, ValueError, 'give several images as a list'),
    ([WIDE, None], None, TypeError, 'image 1: NoneType, expected a path or an array'),
    (7, None, TypeError, 'images: int, expected a path, an array'),
    # how many boxes
    ([WIDE, HIGH], [WIDE_BOXES], ValueError, 'boxes_xyxy: 1 for 2 images'),
    ([WIDE, HIGH], WIDE_BOXES, ValueError, 'boxes_xyxy: 3 for 2 images'),
    (WIDE, [WIDE_BOXES, HIGH_BOXES], ValueError, 'boxes_xyxy: 2 for 1 images'),
    ([WIDE, HIGH], 5, ValueError, 'boxes_xyxy: int for 2 images'),
    # their shape
    ([WIDE, HIGH], WIDE_BOXES[:2], ValueError, r'image 0: boxes of shape \(4,\), expected'),
    (WIDE, [[1, 2, 3]], ValueError, r'image 0: boxes of shape \(1, 3\), expected \(N, 4\)'),
    (WIDE, [[BOX, [1, 2]]], ValueError, 'image 0: boxes are not an array of numbers'),
    (WIDE, [['a']], ValueError, 'image 0: boxes are not an array of numbers: found strings'),
    (WIDE, [['10', '20', '30', '40']], ValueError, 'image 0: .* of numbers: found strings'),
    (WIDE, [[10 + 1j, 20, 30, 40]], ValueError, 'image 0: .*of numbers: found complex numbers'),
    (WIDE, torch.tensor([[10 + 1j, 20, 30, 40]]), ValueError, 'found complex numbers'),
    (WIDE, np.array([BOX], bool), ValueError, 'image 0: .* of numbers: found truth values'),
    (WIDE, [[10, 20, None, 40]], ValueError, 'image 0: .* of numbers: found objects'),
    # what is in them
    (WIDE, [BOX, [10, NAN, 30, 40]], ValueError, r'image 0: box 1 is \[10.0, nan, .* finite'),
    (WIDE, [[10, 20, np.inf, 40]], ValueError, 'image 0: box 0 .* expected finite numbers'),
    (WIDE, [[*BOX, NAN]], ValueError, 'image 0: box 0 .*nan'),
    (WIDE, [[30, 20, 10, 40]], ValueError, 'image 0: box 0 .* a width or a height above 0'),
    (WIDE, [[10, 20, 10, 20]], ValueError, 'image 0: box 0 .* a width or a height above 0'),
    ([WIDE, HIGH], [[BOX], [BOX, [200, 0, 250, 40]]], ValueError,
     r'image 1: box 1 is \[200.0, .* outside the image of 200 x 400 pixels'),
    (HIGH, [[-9, -9, 50, 0]], ValueError, 'image 0: box 0 .* outside the image'),
])
def test_bad_images_and_boxes_are_named(predictor, images, boxes, error, message):
    with pytest.raises(error, match=message):
        predictor(images, boxes)


def test_a_picture_without_a_file_has_a_name_in_warnings(predictor):
    with pytest.warns(UserWarning, match='^image 1: person box of width and height'):
        predictor([HIGH, WIDE], [[BOX], [[10, 20, 30, 20]]])


@pytest.mark.parametrize('batch_size', [0, -1, 2.5, True, None])
def test_batch_size_is_a_positive_integer(predictor, batch_size):
    with pytest.raises(ValueError, match='batch_size=.*expected a positive integer'):
        predictor(WIDE, batch_size=batch_size)


def test_files_that_are_no_images(predictor, tmp_path):
    path = tmp_path / 'text.png'
    path.write_text('not an image')
    with pytest.raises(ValueError, match='text.png: 12 bytes that are not an image'):
        predictor(path)
