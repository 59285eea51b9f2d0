"""The arrays behind the figure are those of the head, and the joints those of the prediction."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import init_model

from rsn_mm.analysis.heatmaps import draw_heatmaps, level_heatmaps
from rsn_mm.errors import MissingFileError, OptionError
from rsn_mm.prediction import Predictor
from tests import golden
from tests.tools.tiny_run import ROOT

BOX = [30., 40., 130., 200.]


def config(stages: int) -> Config:
    cfg = Config.fromfile(ROOT / 'configs' / 'rsn' / 'rsn18_coco-256x192.py')
    cfg.merge_from_dict({'model.backbone.num_blocks': (1, 1, 1, 1),
                         'model.backbone.num_stages': stages, 'model.head.num_stages': stages})
    return cfg


@pytest.fixture(scope='module', params=[1, 2])
def setting(request, tmp_path_factory):
    """A picture, a network as it was trained, and a predictor with its weights."""
    folder = tmp_path_factory.mktemp('heatmaps')
    picture = cv2.resize(
        np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8), None, fx=8, fy=8)
    cv2.imwrite(str(folder / 'picture.png'), picture)
    cfg = config(request.param)
    model = golden.fill(init_model(cfg.copy(), device='cpu'))
    for units in model.head.predictors:
        for unit in units:  # maps as high as those of a trained network
            unit.heatmap.bn.weight.data *= 50
    torch.save(dict(state_dict=model.state_dict(), meta={}), folder / 'weights.pth')
    return folder / 'picture.png', model, Predictor(cfg, folder / 'weights.pth', device='cpu')


def test_the_arrays_are_those_of_the_head(setting):
    picture, model, predictor = setting
    found = level_heatmaps(predictor, picture, BOX)
    bgr = torch.from_numpy(found.image[..., ::-1].copy()).permute(2, 0, 1)
    inputs = model.data_preprocessor(dict(inputs=[bgr], data_samples=[]))['inputs']
    with torch.no_grad():
        expected = model.head(model.extract_feat(inputs))
    for units, others in zip(found.heatmaps, expected, strict=True):
        for maps, other in zip(units, others, strict=True):
            assert maps.shape == (17, 64, 48)
            np.testing.assert_allclose(maps, other[0], atol=2e-3 * other.abs().max())


def test_the_joints_are_those_of_the_prediction(setting):
    picture, _, predictor = setting
    found = level_heatmaps(predictor, picture, BOX)
    person, = predictor(picture, [BOX])
    np.testing.assert_allclose(found.scores, person.keypoint_scores[0], atol=1e-6)
    # From the crop to the picture: the box grows by 9% and 13.5%, then to 3:4.
    size = np.array([100 * 1.09, 160 * 1.135])
    size = np.maximum(size, size[::-1] * [192 / 256, 256 / 192])
    in_picture = found.keypoints / (192, 256) * size + [80, 120] - size / 2
    np.testing.assert_allclose(in_picture, person.keypoints[0], atol=1e-2)


def test_the_whole_image_is_a_box_too(setting):
    picture, _, predictor = setting
    found, expected = (level_heatmaps(predictor, picture, box) for box in (None, [0, 0, 320, 240]))
    np.testing.assert_array_equal(found.image, expected.image)
    np.testing.assert_array_equal(found.heatmaps[-1][-1], expected.heatmaps[-1][-1])


def test_the_figure_shows_the_arrays(setting, tmp_path):
    picture, _, predictor = setting
    person = level_heatmaps(predictor, picture, BOX)
    figure = draw_heatmaps(person, title='a picture')
    upper, lower = figure.subfigs
    stages = len(person.heatmaps)
    panels = {axes.get_title(): axes for axes in upper.axes}
    names = [f'stage {s + 1}, level {level}' for s in range(stages) for level in (4, 3, 2, 1)]
    assert set(panels) - {''} == {'input', 'prediction', *names}
    limit = max(maps.max() for units in person.heatmaps for maps in units)
    assert limit > 50

    def norm(axes):
        """Of the heights that colors stand for; opacity is between a quarter and 1."""
        opacity = axes.images[1].get_array()[..., 3]
        return (opacity - 0.25) / 0.75 * limit

    for s, units in enumerate(person.heatmaps):
        for level, maps in zip((4, 3, 2, 1), units):
            found = norm(panels[f'stage {s + 1}, level {level}'])
            np.testing.assert_allclose(found, maps.max(0).clip(0), atol=0.01 * limit)
    np.testing.assert_array_equal(panels['input'].images[0].get_array(), person.image)
    shown = person.scores >= 0.55
    assert shown.any()
    points, = panels['prediction'].collections
    np.testing.assert_allclose(points.get_offsets(), person.keypoints[shown])

    joints = [axes for axes in lower.axes if axes.get_title()]
    assert joints[0].get_title() == f'nose\n{person.scores[0]:.2f}' and len(joints) == 17
    for axes, maps in zip(joints, person.heatmaps[-1][-1]):
        np.testing.assert_allclose(norm(axes), maps.clip(0), atol=0.01 * limit)
        left, right, bottom, top = axes.images[1].get_extent()
        assert (left, right, bottom, top) == (0, 192, 256, 0)
    figure.savefig(tmp_path / 'heatmaps.png')


@pytest.mark.parametrize('image, box, error, message', [
    ('no.png', None, MissingFileError, 'no.png does not exist'),
    (np.zeros((8, 8), np.uint8), None, OptionError, r'array \(8, 8\) uint8'),
    (np.zeros((80, 80, 3), np.uint8), [1, 2, 3], OptionError, r'boxes of shape \(1, 3\)'),
    (np.zeros((80, 80, 3), np.uint8), [90, 2, 95, 9], OptionError, 'outside the image'),
    (np.zeros((80, 80, 3), np.uint8), [9, 2, 3, 9], OptionError, 'expected finite numbers'),
])
def test_bad_images_and_boxes(setting, image, box, error, message):
    with pytest.raises(error, match=message):
        level_heatmaps(setting[2], image, box)
