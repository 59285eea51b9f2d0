"""``rsn_mm.NAME`` is found from every scope, whoever was imported first, in fresh processes."""

from pathlib import Path

import pytest

from tests.fresh import run_fresh, write_package

# Built from the registries of a scope, and what they must have become.
BUILD = '''
from {registries} import HOOKS, MODELS, TRANSFORMS

built = [MODELS.build(dict(type='rsn_mm.RSN', depth=18)),
         TRANSFORMS.build(dict(type='rsn_mm.ExtendBBox')),
         HOOKS.build(dict(type='rsn_mm.CheckpointHook', interval=1))]
from rsn_mm import datasets, engine, models
assert [type(b) for b in built] == [
    models.RSN, datasets.transforms.ExtendBBox, engine.CheckpointHook], built
'''
BUILD_CODEC = '''
from mmpose.registry import KEYPOINT_CODECS
codec = KEYPOINT_CODECS.build(
    dict(type='rsn_mm.RSNHeatmap', input_size=(192, 256), heatmap_size=(48, 64)))
from rsn_mm import codecs
assert type(codec) is codecs.RSNHeatmap
'''
MMPOSE, MMDET, MMENGINE = 'mmpose.registry', 'mmdet.registry', 'mmengine.registry'


@pytest.mark.parametrize('imports', [
    'import rsn_mm; import mmpose.models, mmdet.models',
    'import mmpose.registry, mmdet.registry; import rsn_mm',
])
def test_found_from_every_scope_in_either_import_order(imports):
    run_fresh(imports + ''.join(
        BUILD.format(registries=scope) for scope in (MMPOSE, MMDET, MMENGINE)) + BUILD_CODEC)


@pytest.fixture
def full_stack(tmp_path: Path) -> dict:
    """A stack that needs no mend: mmcv with compiled ops, and torchvision."""
    (tmp_path / '_ext.py').write_text('def __getattr__(name):\n    return lambda *args: None\n')
    write_package(tmp_path, 'torchvision', version='0.99')
    write_package(tmp_path / 'torchvision', 'transforms', 'class ToPILImage: pass\n')
    return dict(imports=f'import mmcv; mmcv.__path__.insert(0, {str(tmp_path)!r})\n',
                paths=[tmp_path])


@pytest.mark.parametrize('scope', [MMPOSE, MMDET])
def test_the_prefix_alone_is_enough_where_nothing_is_to_mend(full_stack, scope):
    # mmengine imports rsn_mm.registry when it meets the prefix, and that the rest
    run_fresh(full_stack['imports'] + BUILD.format(registries=scope), full_stack['paths'])


@pytest.mark.parametrize('code', [BUILD.format(registries=MMENGINE), BUILD_CODEC])
def test_the_prefix_alone_is_enough_for_registries_that_import_no_models(code):
    run_fresh(code)


def test_the_custom_imports_of_a_config_are_enough(tmp_path):
    (tmp_path / 'config.py').write_text('''
custom_imports = dict(imports=['rsn_mm'], allow_failed_imports=False)
default_scope = 'mmpose'
backbone = dict(type='rsn_mm.RSN', depth=18)
theirs = dict(type='RSN', unit_channels=16, num_stages=1, num_units=4,
              num_blocks=[1, 1, 1, 1], num_steps=4)
''')
    run_fresh(f'''
        from mmengine.config import Config
        from mmengine.registry import MODELS, init_default_scope
        config = Config.fromfile({str(tmp_path / 'config.py')!r})
        init_default_scope(config.default_scope)
        ours, theirs = MODELS.build(config.backbone), MODELS.build(config.theirs)
        import mmpose.models, rsn_mm.models
        assert type(ours) is rsn_mm.models.RSN
        assert type(theirs) is mmpose.models.RSN  # the bare name stays that of mmpose
        ''')


def test_every_name_of_the_package_is_in_its_registry():
    out = run_fresh('''
        import rsn_mm
        from rsn_mm import registry
        for name in ('MODELS', 'KEYPOINT_CODECS', 'TRANSFORMS', 'DATASETS', 'HOOKS',
                     'MODEL_WRAPPERS'):
            children = getattr(registry, name)
            assert children.scope == 'rsn_mm'
            print(name, *children.module_dict)
        ''')
    registered = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert {'RSN', 'MultiStageRSNHead', 'PoseRefineMachine', 'CoarseToFineLoss'} <= set(
        registered['MODELS'])
    assert registered['KEYPOINT_CODECS'] == ['RSNHeatmap']
    assert {'ExtendBBox', 'LoadVisibility'} <= set(registered['TRANSFORMS'])
    assert 'CheckpointHook' in registered['HOOKS']
    assert 'CPUDistributedDataParallel' in registered['MODEL_WRAPPERS']
