"""Every config is complete: it builds, it fits itself, it is listed."""

from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

import rsn_mm  # noqa: F401

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path.relative_to(ROOT) for path in (ROOT / 'configs').glob('*/*.py')
                 if path.parent.name != '_base_')
#: Ensembles are tested where their model is.
ENSEMBLES = [path for path in CONFIGS if 'ensemble' in path.stem]
#: Parts of MMPose are tested with what they are mixed with, comparisons with their sweep.
NETWORKS = [path for path in CONFIGS
            if path.parent.name not in ('mixing', 'compare') and path not in ENSEMBLES]
#: Longest delta over its bases, in lines; configs that are a dataset of their own are longer.
MAX_LINES = 15
OWN_DATA = {'rsn18_lsp-128x96', 'rsn50_lsp-large-256x192', 'rsn18_synthetic-128x96',
            'mmpose-rsn18_lsp-128x96'}


def load(path: Path) -> Config:
    init_default_scope('mmpose')
    return Config.fromfile(ROOT / path)


def check_channels(norm, x):
    """What a norm computes does not matter here, and takes half of the time on the meta device."""
    assert x.shape[1] == norm.num_features
    return x


@pytest.mark.parametrize('path', NETWORKS, ids=lambda path: path.stem)
def test_builds_and_runs(path, monkeypatch):
    for norm in (torch.nn.modules.batchnorm._BatchNorm, torch.nn.SyncBatchNorm):
        monkeypatch.setattr(norm, 'forward', check_channels)
    cfg = load(path)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    width, height = model.head.decoder.input_size
    with torch.no_grad():
        stages = model.head(model.backbone(torch.zeros(2, 3, height, width, device='meta')))
    joints = cfg.model.head.out_channels
    assert len(stages) == cfg.model.backbone.num_stages
    assert all(h.shape == (2, joints, height // 4, width // 4) for units in stages for h in units)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        Compose(loader.dataset.pipeline)


@pytest.mark.parametrize('path', NETWORKS, ids=lambda path: path.stem)
def test_one_input_size_and_one_codec(path):
    cfg = load(path)
    height, width = map(int, path.stem.rsplit('-', 1)[1].split('x'))
    sizes = {tuple(step.input_size) for loader in (cfg.train_dataloader, cfg.test_dataloader)
             for step in loader.dataset.pipeline if step.type == 'TopdownAffine'}
    assert sizes == {(width, height)} == {tuple(cfg.model.head.decoder.input_size)}
    encoders = [step.encoder for step in cfg.train_dataloader.dataset.pipeline
                if step.type == 'GenerateTarget']
    assert encoders == [cfg.model.head.decoder]


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_deltas_are_short(path):
    lines = [line for line in (ROOT / path).read_text().splitlines() if line.strip()]
    assert lines[0].startswith('#')  # what it is
    assert path.stem in OWN_DATA or len(lines) <= MAX_LINES


# What an ablation changes in the network that it is compared with, and nothing else.
@pytest.mark.parametrize('stem, base, changes', [
    ('rsn18-3branch', 'rsn/rsn18', dict(backbone=dict(num_branches=3))),
    ('rsn50-6branch', 'rsn/rsn50', dict(backbone=dict(num_branches=6))),
    ('rsn18-se', 'ablation/rsn18-prm', dict(head=dict(prm=dict(type='SE', position='feature')))),
    ('rsn50-cbam', 'ablation/rsn50-prm',
     dict(head=dict(prm=dict(type='CBAM', position='feature')))),
    ('rsn18-prm', 'rsn/rsn18', dict(head=dict(prm=dict(position='feature')))),
    ('resnet18', 'rsn/rsn18', dict(backbone=dict(unit='basic'))),
    ('resnet18-prm', 'ablation/resnet18', dict(head=dict(prm=dict(position='feature')))),
    ('resnet50x4-prm', 'mspn/mspn50x4', dict(head=dict(prm=dict(position='feature')))),
    ('res2net50', 'mspn/mspn50', dict(backbone=dict(unit='res2net'))),
    ('res2net50x4', 'rsn/rsn50x4', dict(backbone=dict(unit='res2net'))),
    ('dense50', 'rsn/rsn50', dict(backbone=dict(unit='dense'))),
    ('dense101', 'rsn/rsn101', dict(backbone=dict(unit='dense'))),
    ('dense50x4', 'rsn/rsn50x4', dict(backbone=dict(unit='dense'))),
    ('rsn18-baseline1', 'rsn/rsn18', dict(backbone=dict(unit='rsb_chained'))),
    ('rsn50-baseline2', 'rsn/rsn50', dict(backbone=dict(unit='rsb_separate'))),
    ('osnet18', 'rsn/rsn18', dict(backbone=dict(unit='osnet'))),
    ('mspn50x2-noohkm', 'mspn/mspn50x2', dict(head=dict(loss=dict(topk=None)))),
    ('mspn50x2-noctf', 'mspn/mspn50x2', dict(head=dict(loss=dict(coarse_to_fine=False)))),
    ('mspn50x2-noskips', 'mspn/mspn50x2', dict(backbone=dict(stage_skips=False))),
    ('mspn50x2-noctf-noskips', 'ablation/mspn50x2-noctf', dict(backbone=dict(stage_skips=False))),
    ('mspn50x2-1unit', 'mspn/mspn50x2', dict(head=dict(supervised_units=1))),
    ('mspn152', 'mspn/mspn50', dict(backbone=dict(num_blocks=(3, 8, 36, 3)))),
    ('mspn18x4', 'ablation/resnet18', dict(backbone=dict(num_stages=4), head=dict(num_stages=4))),
])
def test_ablations_change_one_thing(stem, base, changes):
    found = load(Path(f'configs/ablation/{stem}_coco-256x192.py'))
    expected = load(Path(f'configs/{base}_coco-256x192.py'))
    for part, options in changes.items():
        expected.model[part].update(options)
    assert found.to_dict() == expected.to_dict()


def test_the_recipe_is_the_released_one():
    """Numbers of the released code, where the configs could lose them."""
    for stem, iterations, persons in (('rsn18_coco-256x192', 96_000, 149_813),
                                      ('rsn18_mpii-256x256', 28_800, 22_246)):
        cfg = load(Path('configs/rsn') / f'{stem}.py')
        assert cfg.train_cfg.max_epochs == pytest.approx(iterations * 256 / persons, rel=0.002)
        decay = cfg.param_scheduler[-1]
        assert decay.begin * persons / 256 == pytest.approx(2400, rel=0.03)
        assert decay.end == cfg.train_cfg.max_epochs
        optimizer = cfg.optim_wrapper.optimizer
        assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('Adam', 4e-3, 1e-5)
        assert cfg.optim_wrapper.dtype == 'bfloat16'
        assert cfg.train_dataloader.batch_size * 8 == cfg.auto_scale_lr.base_batch_size
    coco, mpii = (load(Path('configs/rsn') / f'rsn18_{name}.py').model.head.decoder
                  for name in ('coco-256x192', 'mpii-256x256'))
    assert (coco.blur_kernel_size, mpii.blur_kernel_size) == (5, 9)


PAPER_RECIPE = [path for path in NETWORKS if '-paper-recipe' in path.stem]


@pytest.mark.parametrize('path', PAPER_RECIPE, ids=lambda path: path.stem)
def test_the_papers_recipe(path):
    """Section 4.1, and nothing else than it changed."""
    cfg, released = load(path), load(path.with_stem(path.stem.replace('-paper-recipe', '')))
    assert cfg.train_dataloader.batch_size == 48
    assert cfg.train_cfg.max_epochs == 200 and cfg.auto_scale_lr.base_batch_size == 8 * 48
    assert cfg.optim_wrapper == dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=8 * 5e-4, weight_decay=1e-5))
    warmup, decay = cfg.param_scheduler
    assert decay.begin * 149_813 / 384 == pytest.approx(warmup.end, rel=0.03)
    assert (decay.end, decay.start_factor, decay.end_factor) == (200, 1, 0)
    pipelines = [config.train_dataloader.dataset.pipeline for config in (cfg, released)]
    changed = [step for step, other in zip(*pipelines, strict=True) if step != other]
    assert changed == [dict(type='rsn_mm.ScaleRotateBBox', scale=(0.7, 1.35), shrink=0.8,
                            rotation=45., rotation_prob=0.5)]
    assert cfg.val_dataloader.dataset == cfg.test_dataloader.dataset
    assert cfg.val_dataloader.dataset == released.val_dataloader.dataset
    for part in (cfg.model.backbone, cfg.model.head):
        assert part.pop('norm_cfg') == dict(type='SyncBN', requires_grad=True)
    assert cfg.model == released.model


@pytest.mark.parametrize('path', PAPER_RECIPE, ids=lambda path: path.stem)
def test_the_papers_recipe_synchronizes_every_norm(path):
    with torch.device('meta'):
        model = MODELS.build(load(path).model)
    norms = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    convs = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(norms) == len(convs) > 50  # a norm behind every convolution
    assert all(isinstance(norm, torch.nn.SyncBatchNorm) for norm in norms)


def test_scaled_kernels_are_an_option_of_the_larger_input():
    cfg = load(Path('configs/ablation/rsn50x4-scaled-kernels_coco-384x288.py'))
    plain = load(Path('configs/rsn/rsn50x4_coco-384x288.py'))
    kernels = (23, 17, 13, 9, 7)
    assert MODELS.build(dict(cfg.model.head)).decoder.kernel_sizes == kernels
    plain.model.head.decoder.kernel_sizes = kernels
    plain.train_dataloader.dataset.pipeline[-2].encoder.kernel_sizes = kernels
    for name in ('model', 'train_dataloader', 'val_dataloader', 'test_dataloader'):
        assert cfg[name] == plain[name]


@pytest.mark.parametrize('path', [path for path in NETWORKS if '-imagenet' in path.stem],
                         ids=lambda path: path.stem)
def test_imagenet_configs_differ_in_the_start_alone(path):
    cfg, plain = load(path), load(path.with_stem(path.stem.replace('-imagenet', '')))
    assert cfg.model.backbone.pop('init_cfg') == dict(
        type='rsn_mm.PretrainedResNet', checkpoint='torchvision://resnet50')
    assert cfg.to_dict() == plain.to_dict()


def test_metafiles_list_every_network_once():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    listed = []
    for name in index:
        metafile = yaml.safe_load((ROOT / name).read_text())
        collections = {collection['Name'] for collection in metafile['Collections']}
        for model in metafile['Models']:
            assert model['In Collection'] in collections
            assert Path(model['Config']).stem == model['Name']
            listed.append(model['Config'])
            for result in model.get('Results', []):
                assert result['Source'] and result['Recipe']  # whose figure, and how it came about
    assert len(listed) == len(set(listed))
    configs = set(map(str, NETWORKS + ENSEMBLES))
    assert not configs - set(listed), 'in no metafile.yml'
    assert not set(listed) - configs, 'in a metafile.yml, but not there'
