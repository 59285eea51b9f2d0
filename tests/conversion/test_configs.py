"""The configs that conversions name are what the converter thinks they are."""

import pytest

from rsn_mm.conversion.configs import SHIPPED, nearest_config
from rsn_mm.conversion.network import Network
from rsn_mm.conversion.preprocessing import BGR, RGB, Preprocessing, preprocessing_of

from .samples import ROOT, named_config


@pytest.mark.parametrize('config', SHIPPED, ids=lambda config: config.path)
def test_shipped_config(config):
    cfg = named_config(dict(config=config.path, cfg_options=[]))
    backbone, head, images = (
        cfg.model[part] for part in ('backbone', 'head', 'data_preprocessor'))
    network = Network(
        unit=backbone.get('unit', 'rsb'), depth=backbone.depth, num_stages=backbone.num_stages,
        joints=head.out_channels, variant=backbone.get('variant', 'paper'),
        expansion=backbone.get('expansion', 4))
    assert network == config.network
    assert head.num_stages == backbone.num_stages
    assert Preprocessing(
        images.bgr_to_rgb, tuple(images.mean), tuple(images.std)) == config.images
    assert nearest_config(network, config.images) == (config.path, [])


def test_all_configs_for_foreign_weights_are_known():
    shipped = {config.path for config in SHIPPED}
    for path in (*ROOT.glob('configs/rsn/*-released_*'), *ROOT.glob('configs/*/*-mmpose_*'),
                 *ROOT.glob('configs/mspn/*-256x192.py'), *ROOT.glob('configs/mspn/*-256x256.py')):
        if '-imagenet_' not in path.name:  # the same network
            assert str(path.relative_to(ROOT)) in shipped


@pytest.mark.parametrize('network, preprocessing, config, options', [
    (Network('rsb', 18, 3, 17, 'released'), BGR, 'rsn18-released_coco-256x192',
     ['model.backbone.num_stages=3', 'model.head.num_stages=3']),
    (Network('rsb', 101, 1, 17, 'released'), RGB, 'rsn18-mmpose_coco-256x192',
     ['model.backbone.depth=101']),
    (Network('rsb', 18, 1, 17, 'released', num_branches=3, branch_width=30), BGR,
     'rsn18-released_coco-256x192',
     ['model.backbone.num_branches=3', 'model.backbone.branch_width=30']),
    (Network('rsb', 18, 1, 17, num_branches=3), BGR, 'rsn18_coco-256x192',
     ['model.backbone.num_branches=3', 'model.backbone.branch_width=26']),
    (Network('rsb', 18, 1, 16, 'released'), RGB, 'rsn18-released_mpii-256x256',
     RGB.changes_from(BGR)),
    (Network('bottleneck', 18), BGR, 'resnet18-released_coco-256x192',
     ['model.backbone.expansion=4']),
    (Network('bottleneck', 18, 2, expansion=1), BGR, 'resnet18-released_coco-256x192',
     ['model.backbone.num_stages=2', 'model.head.num_stages=2']),
])
def test_nearest(network, preprocessing, config, options):
    assert nearest_config(network, preprocessing) == (f'configs/rsn/{config}.py', options)


@pytest.mark.parametrize('meta, expected', [
    (dict(), None),
    (dict(cfg=''), None),
    (dict(cfg=3), None),
    (dict(cfg='model = dict('), None),
    (dict(cfg='x = dict(data_preprocessor=None)'), None),
    # Anything that is no literal is not looked at, let alone run.
    (dict(cfg='x = dict(data_preprocessor=dict(mean=exit(), std=[1]))'), None),
    (dict(cfg='x = dict(data_preprocessor=dict(type="P"))'), None),
    (dict(cfg='x = dict(data_preprocessor=dict(mean=[1], std=[2]))'),
     Preprocessing(False, (1, ), (2, ))),
    (dict(data_preprocessor=dict(bgr_to_rgb=True, mean=[1], std=[2])),
     Preprocessing(True, (1, ), (2, ))),
])
def test_preprocessing_in_the_meta_data(meta, expected):
    assert preprocessing_of(meta) == expected
