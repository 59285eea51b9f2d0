"""An ensemble is the mean of what its members predict alone."""

import copy

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from rsn_mm.apis import optimize
from rsn_mm.models import Ensemble
from rsn_mm.models.ensemble import EnsembleError, resize_heatmaps
from tests import golden
from tests.tools.tiny_run import ROOT

FLIP_INDICES = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
SMALL, LARGE = (48, 64), (72, 96)

MEMBER = '''
custom_imports = dict(imports=['rsn_mm'])
default_scope = 'mmpose'
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(type='PoseDataPreprocessor', mean=[{mean}] * 3, std=[64.] * 3),
    backbone=dict(type='rsn_mm.RSN', depth=18, num_blocks=(1, 1, 1, 1), unit_channels=16),
    head=dict(type='rsn_mm.MultiStageRSNHead', num_stages=1, unit_channels=16,
              out_channels={joints}, decoder=dict(type='rsn_mm.RSNHeatmap', input_size={size},
                                                  heatmap_size={heatmap})),
    test_cfg=dict(flip_test={flip}, output_keypoint_indices={indices}))
'''


def write_member(folder, name, size=SMALL, mean=128., joints=17, heatmap=None, flip=True,
                 indices=None):
    """Config and checkpoint of a network of its own weights; the entry of an ensemble."""
    init_default_scope('mmpose')
    config, checkpoint = folder / f'{name}.py', folder / f'{name}.pth'
    config.write_text(MEMBER.format(size=size, mean=mean, joints=joints, flip=flip, indices=indices,
                                    heatmap=heatmap))
    model = MODELS.build(Config.fromfile(config).model)
    state = {key: golden.draw(key, value.shape, salt=name)
             for key, value in model.state_dict().items()}
    torch.save(dict(state_dict=state), checkpoint)
    return dict(config=str(config), checkpoint=str(checkpoint))


@pytest.fixture(scope='module')
def entries(tmp_path_factory):
    """Members of two sizes; they differ in weights, normalization and flip test too."""
    folder = tmp_path_factory.mktemp('members')
    return dict(small=write_member(folder, 'small'),
                other=write_member(folder, 'other', mean=100., flip=False),
                large=write_member(folder, 'large', LARGE, mean=110.))


def alone(entry):
    """A member as it is tested alone."""
    model = MODELS.build(Config.fromfile(entry['config']).model)
    model.load_state_dict(torch.load(entry['checkpoint'])['state_dict'])
    model.test_cfg['output_heatmaps'] = True
    return model.eval()


def batch(*pipeline, count=3):
    """Drawn persons through the last steps of a pipeline."""
    init_default_scope('mmpose')
    samples = []
    for seed in range(count):
        image = np.random.default_rng(seed).integers(0, 255, (30, 30, 3), dtype=np.uint8)
        samples.append(Compose(list(pipeline))(dict(
            img=cv2.resize(image, (120, 120)), img_path='drawn.jpg', id=seed, img_id=seed,
            img_shape=(120, 120), ori_shape=(120, 120), category_id=1,
            bbox=np.array([[30, 20, 90, 100]], np.float32), bbox_score=np.ones(1, np.float32),
            bbox_center=np.array([[60. + seed, 60]], np.float32),
            bbox_scale=np.array([[60, 90]], np.float32),
            keypoints=np.full((1, 17, 2), 50, np.float32),
            keypoints_visible=np.ones((1, 17), np.float32), flip_indices=FLIP_INDICES)))
    return pseudo_collate(samples)


def one_size(size):
    return batch(dict(type='TopdownAffine', input_size=size), dict(type='PackPoseInputs'))


def both_sizes(sizes=(SMALL, LARGE)):
    return batch(dict(type='rsn_mm.PackInputSizes', input_sizes=sizes))


@torch.no_grad()
def predict(model, data):
    """Heatmaps, and keypoints in image pixels with their scores."""
    results = model.test_step(copy.deepcopy(data))
    instances = [result.pred_instances for result in results]
    return (torch.stack([result.pred_fields.heatmaps for result in results]),
            np.concatenate([i.keypoints for i in instances]),
            np.concatenate([i.keypoint_scores for i in instances]))


def ensemble(*members, **kwargs):
    model = MODELS.build(dict(type='rsn_mm.Ensemble', members=members,
                              test_cfg=dict(output_heatmaps=True), **kwargs))
    return model.eval()


def assert_same(found, expected):
    for one, other in zip(found, expected):
        np.testing.assert_array_equal(one, other)


# ---------------------------------------------------------------------------------------- averages


@pytest.mark.parametrize('times', [1, 2])
@pytest.mark.parametrize('name', ['small', 'other'])
def test_of_a_model_with_itself_is_the_model(entries, name, times):
    data = one_size(SMALL)
    expected = predict(alone(entries[name]), data)
    assert expected[0].std() > 0.1 and np.ptp(expected[1]) > 10
    assert_same(predict(ensemble(*[entries[name]] * times), data), expected)


def test_of_two_is_the_weighted_mean_of_their_heatmaps(entries):
    data = one_size(SMALL)
    first, second = (predict(alone(entries[name]), data)[0] for name in ('small', 'other'))
    model = ensemble({**entries['small'], 'weight': 1}, {**entries['other'], 'weight': 3.})
    found, keypoints, scores = predict(model, data)
    expected = (first + 3 * second) / 4
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-5)
    assert (found - (first + second) / 2).abs().max() > 0.1  # the weights count
    decoded, decoded_scores = model.members[0].head.decoder.batch_decode(found)
    np.testing.assert_array_equal(scores, np.concatenate(decoded_scores))
    # By hand: the box has the input's aspect ratio once it is 67.5 x 90, around its center.
    scale = np.array([67.5, 90])
    centers = np.array([[60. + seed, 60] for seed in range(3)])[:, None]
    np.testing.assert_allclose(
        keypoints, np.concatenate(decoded) / SMALL * scale + centers - scale / 2, atol=1e-4)


@pytest.mark.parametrize('order', [('small', 'large'), ('large', 'small')])
@pytest.mark.parametrize('sizes', [(SMALL, LARGE), (LARGE, SMALL)])
def test_of_two_sizes_each_sees_what_it_sees_alone(entries, order, sizes):
    small = predict(alone(entries['small']), one_size(SMALL))[0]
    large = predict(alone(entries['large']), one_size(LARGE))[0]
    assert small.shape[-2:] == (16, 12) and large.shape[-2:] == (24, 18)
    resized = F.interpolate(small, (24, 18), mode='bilinear', align_corners=False)
    expected = (large + 3 * resized) / 4
    weights = dict(small=3, large=1)
    model = ensemble(*({**entries[name], 'weight': weights[name]} for name in order))
    found, keypoints, _ = predict(model, both_sizes(sizes))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-5)
    # Decoded once, with the codec of the larger size, and placed as the larger one alone places.
    only_large = alone(entries['large'])
    with torch.no_grad():
        only_large.head.forward_last = lambda feats: expected
        only_large.test_cfg['flip_test'] = False
        np.testing.assert_allclose(keypoints, predict(only_large, one_size(LARGE))[1], atol=1e-3)


def test_the_reference_can_be_the_smaller(entries):
    small = predict(alone(entries['small']), one_size(SMALL))[0]
    large = predict(alone(entries['large']), one_size(LARGE))[0]
    model = ensemble(entries['small'], entries['large'], reference=0)
    found = predict(model, both_sizes())[0]
    expected = (small + F.interpolate(large, (16, 12), mode='bilinear', align_corners=False)) / 2
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-5)


def test_members_leave_nothing_in_the_samples(entries):
    model = Ensemble([entries['small'], entries['large']]).eval()
    with torch.no_grad():
        result = model.test_step(both_sizes())[0]
    assert 'pred_fields' not in result  # not asked for
    assert set(result.pred_instances.keys()) == {
        'keypoints', 'keypoint_scores', 'keypoints_visible', 'bboxes', 'bbox_scores'}
    assert result.metainfo['input_size'] == LARGE


def test_optimized_members_predict_the_same(entries):
    data = both_sizes()
    model = ensemble(entries['small'], entries['other'], entries['large'])
    expected, keypoints, _ = predict(model, data)
    for i, member in enumerate(model.members):
        model.members[i] = optimize(member)
    found, fast_keypoints, _ = predict(model, data)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
    np.testing.assert_allclose(fast_keypoints, keypoints, atol=1e-2)


def test_only_the_last_head_is_computed(entries):
    model = ensemble(entries['small'])
    calls = []
    for unit, predictor in enumerate(model.members[0].head.predictors[0]):
        predictor.register_forward_hook(lambda *_, unit=unit: calls.append(unit))
    predict(model, one_size(SMALL))
    assert calls == [3, 3]  # the image and its mirror image


# ---------------------------------------------------------------------------------------- geometry


def gaussian(width, height, place_xy, sigma=0.05):
    """A blob at a place of the box, in fractions of its width and height, as cells show it."""
    x = (np.arange(width) + 0.5) / width - place_xy[0]
    y = ((np.arange(height) + 0.5) / height - place_xy[1]) * height / width
    return np.exp(-(y[:, None]**2 + x**2) / (2 * sigma**2))


@pytest.mark.parametrize('place_xy', [(0.5, 0.5), (0.2, 0.85), (0.8, 0.15), (0.31, 0.77)])
@pytest.mark.parametrize('start, end', [((48, 64), (72, 96)), ((72, 96), (48, 64)),
                                        ((12, 16), (18, 24))])
def test_a_joint_stays_where_it_is_in_the_box(place_xy, start, end):
    blob = torch.tensor(gaussian(*start, place_xy, sigma=0.06))[None, None]
    resized = resize_heatmaps(blob, end[::-1])[0, 0]
    weights = resized / resized.sum()
    center = ((weights.sum(0) * torch.arange(end[0])).sum() + 0.5,
              (weights.sum(1) * torch.arange(end[1])).sum() + 0.5)
    # Aligned corners move some of these by more than 0.1 of a cell.
    tolerance = 0.01 if min(start[0], end[0]) > 20 else 0.05
    for found, place, cells in zip(center, place_xy, end):
        assert found == pytest.approx(place * cells, abs=tolerance)


def test_a_slope_keeps_its_values():
    """Cells that hold their own place in the box hold it after the resize, but at the border."""
    x = (torch.arange(12) + 0.5) / 12
    y = (torch.arange(16) + 0.5) / 16
    maps = torch.stack((x.expand(16, 12), y[:, None].expand(16, 12)))[None]
    wide, high = resize_heatmaps(maps, (24, 18))[0]
    torch.testing.assert_close(wide[:, 1:-1], ((torch.arange(18) + 0.5) / 18)[1:-1].expand(24, 16))
    torch.testing.assert_close(high.T[:, 1:-1],
                               ((torch.arange(24) + 0.5) / 24)[1:-1].expand(18, 22))


def test_the_same_size_is_left_alone():
    maps = torch.rand(1, 2, 16, 12)
    assert resize_heatmaps(maps, (16, 12)) is maps


# -------------------------------------------------------------------------------------- checkpoints


def test_checkpoints_are_loaded_once(entries):
    model = Ensemble([entries['small'], entries['other']]).eval()
    expected = torch.load(entries['other']['checkpoint'])['state_dict']
    with torch.no_grad():
        model.test_step(one_size(SMALL))
        found = model.members[1].state_dict()
        assert all(torch.equal(found[key], expected[key]) for key in expected)
        for parameter in model.parameters():
            parameter.zero_()
        model.test_step(one_size(SMALL))
    assert not any(parameter.any() for parameter in model.parameters())


def test_a_state_dict_of_all_members_takes_the_place_of_checkpoints(entries):
    model = ensemble(entries['small'], entries['other'])
    model.load_checkpoints()
    copied = ensemble(*({**entries[name], 'checkpoint': 'no.pth'} for name in ('small', 'other')))
    copied.load_state_dict(model.state_dict())
    assert_same(predict(copied, one_size(SMALL)), predict(model, one_size(SMALL)))


def test_a_checkpoint_with_more_than_weights_is_refused(entries, tmp_path):
    class Anything:
        pass

    import __main__
    __main__.Anything = Anything
    Anything.__module__, Anything.__qualname__ = '__main__', 'Anything'
    torch.save(dict(state_dict={}, more=Anything()), tmp_path / 'more.pth')
    model = Ensemble([{**entries['small'], 'checkpoint': str(tmp_path / 'more.pth')}])
    with pytest.raises(EnsembleError, match='more.pth is refused: it holds more than'):
        model.load_checkpoints()


@pytest.mark.parametrize('checkpoint, message', [
    ('no.pth', r'member 0 \(.*small\.py\): checkpoint no\.pth does not exist'),
    ('small.py', r'small\.py is refused: it is an empty file'),
    ('fewer.pth', r'fewer\.pth does not fit .*: 1 missing: '),
    ('more.pth', r'more\.pth does not fit .*: 1 unknown: surplus$'),
    ('list.pth', r'list\.pth: a list, expected a dict of weights'),
    ('entry.pth', r'entry\.pth: state_dict is a list, expected a dict of weights'),
])
def test_checkpoints_that_do_not_fit(entries, tmp_path, monkeypatch, checkpoint, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'small.py').write_text('')
    state = torch.load(entries['small']['checkpoint'])['state_dict']
    torch.save(dict(state_dict={**state, 'surplus': torch.zeros(1)}), 'more.pth')
    state.popitem()
    torch.save(dict(state_dict=state), 'fewer.pth')
    torch.save([1], 'list.pth')
    torch.save(dict(state_dict=[1]), 'entry.pth')
    model = Ensemble([{**entries['small'], 'checkpoint': checkpoint}])
    with pytest.raises(EnsembleError, match=message):
        model.load_checkpoints()


# -------------------------------------------------------------------------------- what is no member


@pytest.fixture(scope='module')
def odd(tmp_path_factory):
    """Members that do not go with the small one, by what is odd about them."""
    folder = tmp_path_factory.mktemp('odd')
    (folder / 'empty.py').write_text('default_scope = "mmpose"')
    (folder / 'broken.py').write_text('model = dict(')
    small = write_member(folder, 'small')
    text = (folder / 'small.py').read_text()
    (folder / 'bottomup.py').write_text(text.replace('Topdown', 'Bottomup'))
    (folder / 'codec.py').write_text(text.replace('rsn_mm.RSNHeatmap', 'MSRAHeatmap').replace(
        'heatmap_size=None', 'heatmap_size=(12, 16), sigma=2'))
    assert 'sigma' in (folder / 'codec.py').read_text()
    files = {name: dict(config=str(folder / f'{name}.py'), checkpoint='x.pth')
             for name in ('empty', 'broken', 'bottomup', 'codec', 'gone')}
    return dict(
        small=small, **files,
        joints=write_member(folder, 'joints', joints=16),
        square=write_member(folder, 'square', size=(64, 64)),
        stride=write_member(folder, 'stride', heatmap=(24, 32)),
        chosen=write_member(folder, 'chosen', indices=[0, 1]))


@pytest.mark.parametrize('name, message', [
    ('gone', r'config of member 1 \(.*gone\.py\) does not exist'),
    ('broken', r'config of member 1 \(.*broken\.py\) cannot be read'),
    ('empty', r'config of member 1 \(.*empty\.py\) has no model'),
    ('bottomup', 'is a BottomupPoseEstimator, expected a TopdownPoseEstimator'),
    ('codec', r'member 1 .* has the codec MSRAHeatmap, expected rsn_mm\.RSNHeatmap'),
    ('joints', r'member 1 .* has 16 joints, but member 0 .* has 17'),
    ('square', r'input_size=\(64, 64\), but .* has \(48, 64\): the aspect ratios differ'),
    ('stride', r'member 1 .* has 2 input pixels per heatmap cell, but member 0 .* has 4'),
    ('chosen', r'has test_cfg\.output_keypoint_indices'),
])
def test_members_that_do_not_go_together(odd, name, message):
    with pytest.raises(EnsembleError, match=message):
        ensemble(odd['small'], odd[name])


@pytest.mark.parametrize('members, message', [
    ([], r'members=\[\], expected one dict per member'),
    (None, 'members=None'),
    (['a.py'], "member 0 is 'a.py', expected a dict of config, checkpoint, weight"),
    ([dict(checkpoint='a.pth')], 'member 0 has config=None, expected a path'),
    ([dict(config='a.py')], 'member 0 has checkpoint=None, expected a path'),
    ([dict(config='a.py', checkpoint='a.pth', weights=1)], "member 0 has 'weights', expected"),
    *(([dict(config='a.py', checkpoint='a.pth', weight=weight)],
       'member 0 has weight=.*, expected a number above 0')
      for weight in (0, -1, float('nan'), float('inf'), '2', True, [1, 2])),
])
def test_entries_that_are_incomplete(members, message):
    with pytest.raises(EnsembleError, match=message):
        Ensemble(members)


@pytest.mark.parametrize('options, message', [
    (dict(reference=2), 'reference=2, expected the index of a member, 0 to 1'),
    (dict(reference=-1), 'reference=-1'),
    (dict(test_cfg=dict(flip_test=False)), 'the flip test is set in the config of each member'),
])
def test_options_without_effect_are_refused(entries, options, message):
    with pytest.raises(EnsembleError, match=message):
        Ensemble([entries['small'], entries['large']], **options)


def test_inputs_of_another_size_are_refused(entries):
    model = ensemble(entries['small'], entries['large'])
    with pytest.raises(ValueError, match=r'input_size=\(72, 96\), but the pipeline gives \(48, 64'):
        predict(model, one_size(SMALL))
    with pytest.raises(ValueError, match='members of several sizes need rsn_mm.PackInputSizes'):
        predict(model, both_sizes([SMALL, (96, 128)]))


def test_an_ensemble_does_not_train(entries):
    with pytest.raises(RuntimeError, match='not trained; train its members'):
        Ensemble([entries['small']])(**both_sizes(), mode='loss')


# ------------------------------------------------------------------------------------------ configs


@pytest.mark.parametrize('path', sorted((ROOT / 'configs').glob('*/*ensemble*.py')),
                         ids=lambda path: path.stem)
def test_shipped_ensembles_fit_themselves(path):
    from rsn_mm.cli.ensembles import check_members
    init_default_scope('mmpose')
    cfg = Config.fromfile(path)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    sizes = {member.head.decoder.input_size for member in model.members}
    assert len(sizes) > 1
    assert set(map(tuple, cfg.test_dataloader.dataset.pipeline[-1].input_sizes)) == sizes
    assert model.members[model.reference].head.decoder.input_size == max(sizes)
    check_members(cfg, model)
    for member in cfg.model.members:  # the one that a training always leaves
        last = Config.fromfile(member.config).train_cfg.max_epochs
        assert member.checkpoint.endswith(f'/epoch_{last}.pth')


def test_preprocess_cfg_of_a_member_is_its_data_preprocessor(entries, tmp_path):
    text = open(entries['other']['config']).read()
    line = next(line for line in text.splitlines() if 'data_preprocessor' in line)
    preprocess_cfg = line.strip().removeprefix('data_preprocessor=').removesuffix(',')
    config = tmp_path / 'other.py'
    config.write_text(text.replace(line + '\n', '') + f'preprocess_cfg = {preprocess_cfg}\n')
    member, expected = (ensemble({**entries['other'], 'config': str(path)}).members[0]
                        for path in (config, entries['other']['config']))
    assert expected.data_preprocessor.mean.unique().tolist() == [100.]
    assert member.data_preprocessor.mean.equal(expected.data_preprocessor.mean)
    assert type(member.data_preprocessor) is type(expected.data_preprocessor)
