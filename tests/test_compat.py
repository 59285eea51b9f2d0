"""Every mend where its symptom is and where it is not, in fresh processes."""

from textwrap import dedent

import numpy as np
import pytest
from packaging.requirements import Requirement

from rsn_mm.compat import stack
from tests.fresh import ROOT, run_fresh, write_package

#: The package without what its ``__init__`` does: importing one of its modules imports no other.
BARE = f'''
import sys, types
package = types.ModuleType('rsn_mm')
package.__path__ = [{str(ROOT / 'rsn_mm')!r}]
sys.modules['rsn_mm'] = package
'''
LITE = ('mmcv._ext', 'torchvision')  # what the default set-up does not have
IMPORT_EVERYTHING = '''
import mmpose.apis, mmpose.models, mmpose.datasets, mmpose.visualization, mmdet.apis, mmdet.models
'''


# --- Import orders -------------------------------------------------------------------------------

@pytest.mark.parametrize('before', [
    'import mmpose.registry, mmdet.registry, mmcv.cnn, mmengine.runner',
    # imports that failed for want of the mend must not stand in the way of a second one
    'for name in ("mmcv.ops", "mmdet.apis", "mmpose.models", "mmpose.apis"): must_fail(name)',
])
def test_everything_imports_after_rsn_mm(before):
    out = run_fresh(f'''
import importlib, importlib.util, sys

def must_fail(name):
    try:
        importlib.import_module(name)
    except ImportError:
        return
    raise SystemExit(f'{{name}} imports without a mend: this test tests nothing')

{before}
import rsn_mm
{IMPORT_EVERYTHING}
assert 'mmcv._ext' not in sys.modules
assert importlib.util.find_spec('mmcv._ext') is None
assert importlib.util.find_spec('torchvision') is None
from mmengine.utils.dl_utils import collect_env
from mmcv.utils import collect_env as collect_mmcv_env
assert 'TorchVision' not in collect_env()
print(collect_mmcv_env()['MMCV CUDA Compiler'])
''', without=LITE)
    assert out.splitlines()[-1] == 'not available'


# --- mmcv's compiled ops -------------------------------------------------------------------------

def test_a_missing_op_says_what_to_install_when_it_is_called():
    error = run_fresh('''
        import rsn_mm
        rsn_mm.compat.apply()
        import torch
        from mmcv.ops import RoIAlign
        align = RoIAlign(2)
        align(torch.rand(1, 2, 8, 8), torch.tensor([[0., 0, 0, 4, 4]]))
        ''', without=LITE, fails=True).splitlines()[-1]
    assert "MissingOpError: the op 'roi_align_forward' of mmcv is compiled code" in error
    assert stack.MMCV_WITH_OPS_COMMAND in error


def test_the_loader_of_full_mmcv_is_left_alone(tmp_path):
    (tmp_path / '_ext.py').write_text('def nms(): return "compiled"\n')
    out = run_fresh(BARE + dedent(f'''
        import mmcv
        mmcv.__path__.insert(0, {str(tmp_path)!r})
        from mmcv.utils import ext_loader
        before = ext_loader.load_ext
        from rsn_mm.compat import mmcv_extension
        mmcv_extension.mend()
        assert ext_loader.load_ext is before
        print(ext_loader.load_ext('_ext', ['nms']).nms())
        '''))
    assert out == 'compiled\n'


def test_the_loader_is_wrapped_once():
    run_fresh(BARE + dedent('''
        from mmcv.utils import ext_loader
        before = ext_loader.load_ext
        from rsn_mm.compat import mmcv_extension
        mmcv_extension.mend()
        wrapped = ext_loader.load_ext
        mmcv_extension.mend()
        assert ext_loader.load_ext is wrapped is not before
        '''), without=LITE)


def test_compiled_ops_that_do_not_load_are_one_sentence(tmp_path):
    (tmp_path / '_ext.py').write_text('raise ImportError("_ext.so: undefined symbol: _ZN3c10")\n')
    error = run_fresh(f'''
        import mmcv
        mmcv.__path__.insert(0, {str(tmp_path)!r})
        import rsn_mm
        ''', fails=True).splitlines()[-1]
    assert 'StackError: the compiled ops of mmcv do not load' in error
    assert '_ZN3c10' in error and stack.MMCV_WITH_OPS_COMMAND in error


def test_a_detector_of_mmdet_finds_boxes_without_compiled_ops():
    run_fresh('''
        import rsn_mm
        import numpy as np
        import torch
        from mmdet.apis import inference_detector, init_detector
        from mmengine.config import Config

        torch.manual_seed(0)
        channels = [8, 16, 32, 64]
        model = dict(
            type='RetinaNet',
            data_preprocessor=dict(
                type='DetDataPreprocessor', mean=[0] * 3, std=[255] * 3, pad_size_divisor=32),
            backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8),
            neck=dict(type='FPN', in_channels=channels, out_channels=16, num_outs=4),
            bbox_head=dict(
                type='RetinaHead', num_classes=2, in_channels=16, feat_channels=16,
                stacked_convs=1,
                anchor_generator=dict(
                    type='AnchorGenerator', octave_base_scale=4, scales_per_octave=3,
                    ratios=[.5, 1, 2], strides=[4, 8, 16, 32])),
            test_cfg=dict(
                nms_pre=300, min_bbox_size=0, score_thr=0., max_per_img=60,
                nms=dict(type='nms', iou_threshold=.5)))
        pipeline = [
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(128, 96), keep_ratio=True),
            dict(type='PackDetInputs', meta_keys=('ori_shape', 'img_shape', 'scale_factor'))]
        config = Config(dict(
            default_scope='mmdet', model=model,
            test_dataloader=dict(dataset=dict(pipeline=pipeline))))
        detector = init_detector(config, device='cpu', palette='random')
        image = np.random.RandomState(0).randint(0, 255, (96, 128, 3), dtype=np.uint8)
        found = inference_detector(detector, image).pred_instances

        from mmdet.structures.bbox import bbox_overlaps
        assert found.bboxes.shape == (60, 4)
        assert found.bboxes.isfinite().all()
        assert (found.scores.diff() <= 0).all() and found.scores[0] > found.scores[-1]
        for label in (0, 1):
            boxes_xyxy = found.bboxes[found.labels == label]
            overlaps = bbox_overlaps(boxes_xyxy, boxes_xyxy) - torch.eye(len(boxes_xyxy))
            assert len(boxes_xyxy) > 1 and overlaps.max() <= .5 + 1e-5
        ''', without=LITE)


# --- torchvision ---------------------------------------------------------------------------------

def test_torchvision_that_is_there_is_used(tmp_path):
    write_package(tmp_path, 'torchvision', version='0.99')
    write_package(tmp_path / 'torchvision', 'transforms', 'class ToPILImage: mine = True\n')
    run_fresh(BARE + dedent('''
        from rsn_mm import compat
        compat.apply()
        from mmpose.visualization.simcc_vis import ToPILImage
        import torchvision
        assert ToPILImage.mine and torchvision.__version__ == '0.99'
        '''), [tmp_path])


def test_torchvision_that_is_absent_stays_absent_to_others():
    out = run_fresh(BARE + dedent('''
        from rsn_mm import compat
        compat.apply()
        from mmpose.visualization.simcc_vis import ToPILImage
        for line in ('import torchvision', 'import torchvision.transforms',
                     'import torchvision.ops', 'from torchvision.transforms import Compose',
                     'from torchvision.transforms import ToPILImage'):
            try:
                exec(line)
            except ModuleNotFoundError as error:
                assert str(error) == "No module named 'torchvision'" and error.name == 'torchvision'
                continue
            raise SystemExit(f'{line} succeeds')
        try:
            ToPILImage()
        except ImportError as error:
            print(error)
        '''), without=LITE)
    assert out.startswith('ToPILImage needs torchvision')


def test_torchvision_made_for_another_torch_keeps_its_reason(tmp_path):
    write_package(
        tmp_path, 'torchvision',
        'from . import extension\n'
        'raise RuntimeError("operator torchvision::nms does not exist")\n', version='0.99')
    write_package(tmp_path / 'torchvision', 'extension')
    out = run_fresh(f'''
        import warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            import rsn_mm
        print(*[w.message for w in caught if 'torchvision' in str(w.message)], sep='|')
        {IMPORT_EVERYTHING.strip()}
        import sys
        for line in ('import torchvision', 'from torchvision.transforms import Compose'):
            try:
                exec(line)
            except ModuleNotFoundError as error:
                assert 'operator torchvision::nms does not exist' in str(error)
                continue
            raise SystemExit(f'{{line}} succeeds')
        assert not [name for name in sys.modules if name.startswith('torchvision')]
        from mmengine.utils.dl_utils import collect_env
        collect_env()
        ''', paths=[tmp_path])
    assert out.count('operator torchvision::nms does not exist') == 1
    assert 'pip uninstall torchvision' in out


def test_modules_that_the_forked_process_has_imported_are_hidden_too():
    error = run_fresh('import cv2.dnn', without=('cv2',), fails=True)
    assert "No module named 'cv2'" in error.splitlines()[-1]


# --- pkg_resources -------------------------------------------------------------------------------

def test_pkg_resources_that_is_there_is_used(tmp_path):
    (tmp_path / 'pkg_resources.py').write_text('mine = True\n')
    run_fresh(BARE + dedent('''
        from rsn_mm.compat import pkg_resources_finder
        pkg_resources_finder.mend()
        import importlib, pkg_resources
        assert importlib.reload(pkg_resources).mine
        '''), [tmp_path])


def test_mmengine_finds_packages_without_pkg_resources(tmp_path):
    write_package(tmp_path, 'a_plugin', version='1.0')
    (tmp_path / 'a_plugin-1.0.dist-info' / 'top_level.txt').write_text('a_plugin\n')
    out = run_fresh('''
        import rsn_mm
        rsn_mm.compat.apply()
        import mmpose.apis
        from mmengine.utils import get_installed_path, is_installed
        from mmengine.utils.package_utils import package2module
        print([is_installed(name) for name in ('mmpose', 'a_plugin', 'cv2', 'no_such_package')])
        print(get_installed_path('a_plugin'), package2module('a_plugin'))
        import mmdet
        print(get_installed_path('mmdet') + '/__init__.py' == mmdet.__file__)
        import pkg_resources, sys
        print(pkg_resources.get_distribution('a_plugin').version)
        print(sum(f.__name__ == 'PkgResourcesFinder' for f in sys.meta_path if isinstance(f, type)))
        ''', paths=[tmp_path], without=('pkg_resources',)).splitlines()
    assert out[0] == '[True, True, True, False]'
    assert out[1:] == [f'{tmp_path}/a_plugin a_plugin', 'True', '1.0', '1']


# --- mmpose's visualizer -------------------------------------------------------------------------

def test_the_visualizer_draws_a_circle_whose_radius_is_an_array():
    from mmpose.visualization import PoseLocalVisualizer

    import rsn_mm  # noqa: F401
    from rsn_mm.compat import visualizer_circles

    visualizer_circles.mend()  # again: no effect
    visualizer = PoseLocalVisualizer(backend='opencv')
    circle = dict(center=np.array([10., 12.]), radius=np.array([3]), face_colors=(255, 0, 0))
    visualizer.set_image(np.zeros((24, 20, 3), np.uint8))
    visualizer.draw_circles(**circle)
    painted = visualizer.get_image()[..., 0] == 255
    assert painted[12, 10] and painted[12, 13] and not painted[12, 14]
    draw_circles = type(visualizer).draw_circles
    if getattr(draw_circles, 'mended', False):  # where NumPy refuses; and once
        assert not hasattr(draw_circles.__wrapped__, 'mended')
        with pytest.raises(TypeError):
            draw_circles.__wrapped__(visualizer, **circle)


# --- mmengine's configs --------------------------------------------------------------------------

def test_the_text_of_a_config_is_formatted_once(monkeypatch):
    from mmengine.config import Config, config

    import rsn_mm  # noqa: F401
    from rsn_mm.compat import config_formatting

    plain, calls = config.FormatCode.__wrapped__, []

    def format_code(text, style_config, **options):
        calls.append(text)
        return plain(text, style_config=style_config, **options)

    monkeypatch.setattr(config, 'FormatCode', format_code)
    cfg = Config(dict(model=dict(depth=18), sizes=list(range(40))))
    expected = cfg.pretty_text
    config_formatting.mend()
    config_formatting.mend()  # again: no effect
    assert [cfg.pretty_text, cfg.pretty_text] == [expected] * 2 and len(calls) == 2
    cfg.model.depth = 50
    assert 'depth=50' in cfg.pretty_text and len(calls) == 3


# --- Version gates -------------------------------------------------------------------------------

RIGHT = dict(numpy='2.4.6', torch='2.13.0+cpu', mmengine='0.10.7', mmcv='2.1.0', mmdet='3.3.0',
             mmpose='1.3.2', xtcocotools='1.14.3')
SIZE_CHANGED = 'raise ValueError("numpy.dtype size changed, may indicate binary incompatibility")'
GATE = '''
import mmcv
assert mmcv.__version__ < '2.1.0', \\
    f'MMCV=={mmcv.__version__} is used but incompatible. Please install mmcv>=2.0.0rc4, <2.1.0.'
'''


def import_error(folder, versions, sources=None, without=()):
    """The last line of ``import rsn_mm`` on a made-up stack."""
    for name, version in versions.items():
        write_package(folder, name, (sources or {}).get(name, ''), version)
    mask = folder / 'xtcocotools' / '_mask.py'
    if mask.parent.exists():
        mask.write_text((sources or {}).get('xtcocotools._mask', ''))
    return run_fresh('import rsn_mm', [folder], without, fails=True, bare=True).splitlines()[-1]


@pytest.mark.parametrize('name, version, wanted, command', [
    ('numpy', '1.25.2', 'numpy>=1.26', 'pip install "numpy>=1.26"'),
    ('torch', '2.5.1+cu117', 'torch>=2.6', 'pip install torch==2.13.0'),
    ('mmengine', '0.8.4', 'mmengine>=0.10,<1.0', 'pip install mmengine==0.10.7'),
    ('mmcv', '1.7.1', 'mmcv>=2.0,<2.2', 'pip install --no-deps mmcv-lite==2.1.0'),
    # mmdet 3.3 refuses this one by itself, with an AssertionError
    ('mmcv', '2.2.0', 'mmcv>=2.0,<2.2', 'pip install --no-deps mmcv-lite==2.1.0'),
    ('mmdet', '2.28.2', 'mmdet>=3.0,<3.4', 'pip install --no-deps mmdet==3.3.0'),
    ('mmpose', '0.29.0', 'mmpose>=1.2,<1.4', 'pip install --no-deps mmpose==1.3.2'),
])
def test_a_wrong_version_is_one_sentence_with_its_mend(tmp_path, name, version, wanted, command):
    error = import_error(tmp_path, {**RIGHT, name: version})
    assert error.startswith(f'rsn_mm.compat.stack.StackError: rsn_mm needs {wanted}')
    assert f'found {version}; mend it with: ' in error
    assert error.endswith(command)


@pytest.mark.parametrize('name, command', [
    ('torch', 'pip install torch==2.13.0'),
    ('mmcv', 'pip install --no-deps mmcv-lite==2.1.0'),
    ('mmdet', 'pip install --no-deps mmdet==3.3.0'),  # mmpose 1.3 does not import without
    ('mmpose', 'pip install --no-deps mmpose==1.3.2'),
    ('xtcocotools', stack.XTCOCOTOOLS_COMMAND),
])
def test_a_missing_package_is_one_sentence_with_its_mend(tmp_path, name, command):
    versions = {other: version for other, version in RIGHT.items() if other != name}
    error = import_error(tmp_path, versions, without=(name,))
    assert f'needs {name}' in error and 'which is not installed' in error
    assert error.endswith(command)


def test_a_gate_between_the_packages_is_one_sentence_with_its_mend(tmp_path):
    error = import_error(tmp_path, {**RIGHT, 'mmdet': '3.0.0'}, {'mmdet': GATE})
    assert 'StackError: mmdet 3.0.0 does not work with what is installed (MMCV==2.1.0' in error
    assert error.endswith('mend it with: pip install --no-deps mmdet==3.3.0')


def test_a_dependency_of_a_package_that_is_missing_is_named(tmp_path):
    error = import_error(tmp_path, RIGHT, {'mmcv': 'import cv2\n'}, without=('cv2',))
    assert 'StackError: mmcv cannot be imported, it needs cv2' in error
    assert error.endswith('pip install opencv-python')


def test_an_older_copy_on_the_path_is_found_out(tmp_path):
    # what pip has installed is right, what Python imports is not
    write_package(tmp_path / 'copy', 'mmpose', '__version__ = "0.29.0"\n')
    for name, version in RIGHT.items():
        write_package(tmp_path / 'pip', name, version=version)
    (tmp_path / 'pip' / 'xtcocotools' / '_mask.py').touch()
    error = run_fresh(
        'import rsn_mm', [tmp_path / 'copy', tmp_path / 'pip'], fails=True,
        bare=True).splitlines()[-1]
    assert f'found 0.29.0 in {tmp_path}/copy/mmpose/__init__.py' in error


def test_xtcocotools_built_for_another_numpy_is_one_sentence(tmp_path):
    error = import_error(tmp_path, RIGHT, {'xtcocotools._mask': SIZE_CHANGED})
    assert 'StackError: xtcocotools was built against another NumPy' in error
    assert 'numpy.dtype size changed' in error
    assert error.endswith(stack.XTCOCOTOOLS_COMMAND)


def test_the_pinned_stack_passes_the_gates_and_is_what_they_recommend():
    pins = {}
    for path in (ROOT / 'requirements').glob('*.txt'):
        for line in path.read_text().splitlines():
            if line.strip() and not line.startswith(('#', '-')):
                requirement = Requirement(line)
                pins[requirement.name] = str(requirement.specifier).removeprefix('==')
    commands = [stack.XTCOCOTOOLS_COMMAND]
    for requirement in stack.REQUIREMENTS:
        package = 'mmcv-lite' if requirement.module == 'mmcv' else requirement.module
        if pins[package]:
            assert requirement.accepts(pins[package])
            commands.append(requirement.command)
    for command in commands:
        package, _, version = command.split()[-1].partition('==')
        assert pins[package] == version, command
    assert stack.MMCV_WITH_OPS_COMMAND.endswith(f'mmcv=={pins["mmcv-lite"]}')
    assert len(commands) == 6
