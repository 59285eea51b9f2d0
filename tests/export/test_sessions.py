"""Other runtimes behind the Predictor: the same people, or one clear error."""

import json
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch

from rsn_mm.apis import Predictor, export_onnx
from rsn_mm.cli import predict
from rsn_mm.cli.export import main
from rsn_mm.errors import ExportError, MissingFileError, MissingPackageError, OptionError
from rsn_mm.export.sessions import SESSIONS, Content, open_session
from rsn_mm.processors import has_bfloat16
from tests.fresh import ROOT, run_fresh

from .tiny import images_of, tiny_model

RUNTIMES = tuple(SESSIONS)
IMAGE = np.ascontiguousarray(images_of(1, (100, 80), seed=5)[0].transpose(1, 2, 0))
BOXES = np.array([[10, 5, 60, 70], [40, -10, 120, 60], [20, 20, 50, 90]], np.float32)
FIELDS = ('keypoints', 'keypoint_scores', 'bboxes_xyxy', 'scores')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A config, its checkpoint, its exported file as the command writes it, and an image."""
    folder = tmp_path_factory.mktemp('sessions')
    model = tiny_model()
    model.cfg.dump(folder / 'tiny.py')
    torch.save(dict(state_dict=model.state_dict(), meta={}), folder / 'tiny.pth')
    cv2.imwrite(str(folder / 'image.png'), IMAGE)
    main([str(folder / name) for name in ('tiny.py', 'tiny.pth', 'tiny.onnx')])
    return folder


@pytest.fixture(scope='module')
def people(folder):
    """What torch predicts."""
    return Predictor(folder / 'tiny.py', folder / 'tiny.pth', 'cpu')(IMAGE, BOXES)[0]


def assert_same(found, expected):
    for name in FIELDS:
        np.testing.assert_allclose(found[name], expected[name], atol=0.01, rtol=0, err_msg=name)
        assert found[name].dtype == np.float32


@pytest.mark.parametrize('runtime', RUNTIMES)
def test_an_exported_file_predicts_the_same_people(folder, people, runtime):
    predictor = Predictor(folder / 'tiny.py', folder / 'tiny.onnx', runtime=runtime)
    for batch_size in (1, 2, 8):
        assert_same(predictor(IMAGE, BOXES, batch_size)[0], people)
    nobody, = predictor(IMAGE, [])
    assert nobody.keypoints.shape == (0, 17, 2)


def test_a_checkpoint_is_exported_on_the_way(folder, people):
    assert_same(Predictor(folder / 'tiny.py', folder / 'tiny.pth',
                          runtime='onnxruntime')(IMAGE, BOXES)[0], people)


def test_the_command_predicts_the_same_people(folder, people, tmp_path):
    boxes = [dict(image_id='image.png', category_id=1, score=1.,
                  bbox=[x1, y1, x2 - x1, y2 - y1]) for x1, y1, x2, y2 in BOXES.tolist()]
    (tmp_path / 'boxes.json').write_text(json.dumps(boxes))
    predict.main([str(arg) for arg in (
        folder / 'image.png', '--boxes', tmp_path / 'boxes.json', '--runtime', 'onnxruntime',
        '--model', folder / 'tiny.py', folder / 'tiny.onnx', '--output', tmp_path / 'found.jsonl')])
    record = json.loads((tmp_path / 'found.jsonl').read_text())
    np.testing.assert_allclose([person['keypoints'] for person in record['people']],
                               np.dstack([people.keypoints, people.keypoint_scores]), atol=.01)


def test_heatmaps_and_images_normalized_before(folder, people):
    export_onnx(tiny_model(), folder / 'maps.onnx', output='heatmaps', input_type='float32',
                normalize=False, overwrite=True)
    assert_same(Predictor(folder / 'tiny.py', folder / 'maps.onnx',
                          runtime='openvino')(IMAGE, BOXES)[0], people)


def test_openvino_computes_in_float32_unless_told(folder):
    def precision(dtype):
        session = open_session(folder / 'tiny.onnx', 'openvino', dtype=dtype)
        return session._model.get_property('INFERENCE_PRECISION_HINT').get_type_name()
    assert precision(torch.float32) == 'f32'
    if has_bfloat16():
        assert precision(torch.bfloat16) == 'bf16'
    else:
        with pytest.warns(UserWarning, match='OpenVINO computes in f32 on this processor'):
            assert precision(torch.bfloat16) == 'f32'


# -------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize('runtime', RUNTIMES)
def test_broken_and_foreign_files(folder, tmp_path, runtime):
    foreign = onnx.load(folder / 'tiny.onnx')
    del foreign.metadata_props[:]
    damaged = onnx.load(folder / 'tiny.onnx')
    next(p for p in damaged.metadata_props if p.key == 'rsn_mm.mean').value = '[1, 2'
    whole = (folder / 'tiny.onnx').read_bytes()
    for content, message in (
            (b'', 'cannot be read by'), (b'no model' * 9, 'cannot be read by'),
            (whole[:len(whole) // 2], 'cannot be read by'),
            (foreign.SerializeToString(), 'was not exported by rsn_mm: it has no property'),
            (damaged.SerializeToString(), 'has properties that cannot be read')):
        (tmp_path / 'bad.onnx').write_bytes(content)
        for file in (tmp_path / 'bad.onnx', Content(content)):
            with pytest.raises(ExportError, match=message) as raised:
                open_session(file, runtime)
            assert '\n' not in str(raised.value)
    with pytest.raises(MissingFileError, match='no.onnx cannot be read: No such file'):
        open_session(tmp_path / 'no.onnx', runtime)


@pytest.mark.parametrize('runtime', RUNTIMES)
def test_images_that_do_not_fit(folder, runtime):
    session = open_session(folder / 'tiny.onnx', runtime)
    good = images_of(2)
    for images in (good[:0], good[0], good[:, :2], good[:, :, 1:], good.astype(np.float32)):
        with pytest.raises(ExportError, match=r'expected \(B, 3, 64, 48\) uint8, B from 1 up'):
            session(images)


@pytest.mark.parametrize('runtime, extra', [('onnxruntime', 'onnx'), ('openvino', 'openvino')])
def test_a_missing_runtime(folder, monkeypatch, runtime, extra):
    monkeypatch.setitem(sys.modules, runtime, None)
    with pytest.raises(MissingPackageError,
                       match=f'needs the package {runtime}, .*rsn_mm.{extra}.'):
        open_session(folder / 'tiny.onnx', runtime)


@pytest.mark.parametrize('options, error, message', [
    (dict(runtime='tensorrt'), OptionError, "runtime='tensorrt', expected one of"),
    (dict(), OptionError, 'is an exported file, which needs another runtime than torch'),
    (dict(runtime='openvino', device='cuda'), OptionError, "device='cuda', expected 'cpu'"),
    (dict(runtime='onnxruntime', device='xpu'), OptionError, "it cannot run on 'xpu' here"),
    (dict(runtime='onnxruntime', dtype=torch.bfloat16), OptionError, 'expected torch.float32'),
    (dict(runtime='openvino', dtype=torch.float16), OptionError, 'expected torch.float32 or'),
])
def test_options_that_do_not_fit(folder, options, error, message):
    with pytest.raises(error, match=message):
        Predictor(folder / 'tiny.py', folder / 'tiny.onnx', **options)


def test_a_file_of_another_config(folder):
    other = tiny_model(**{'model.head.decoder.input_size': (96, 128),
                          'model.head.decoder.heatmap_size': (24, 32)})
    with pytest.raises(ExportError, match=r'has the input size \(48, 64\), the config \(96, 128\)'):
        Predictor(other.cfg, folder / 'tiny.onnx', runtime='openvino')


@pytest.mark.parametrize('arguments, message', [
    (('tiny.pb', ), 'expected a file ending with .onnx or .pt2'),
    (('a.pt2', '--opset', '18'), '--opset has no effect on a .pt2 file'),
    (('a.onnx', '--no-normalize'), '--no-normalize needs --input-type float32'),
    (('tiny.onnx', ), 'is there already'),
])
def test_bad_commands(folder, arguments, message):
    name, *options = arguments
    with pytest.raises(SystemExit, match=message):
        main([*(str(folder / each) for each in ('tiny.py', 'tiny.pth', name)), *options])


# -------------------------------------------------------------------------- demo/onnx_predict.py


def test_demo_runs_without_torch_and_openmmlab(folder, people, tmp_path):
    """In an isolated Python that sees NumPy, OpenCV and ONNX Runtime alone."""
    packages = tmp_path / 'packages'
    packages.mkdir()
    for name in ('numpy', 'cv2', 'onnxruntime'):
        place = Path(find_spec(name).submodule_search_locations[0])
        for part in (place, *place.parent.glob(f'{name}.libs'), *(
                place.parent.glob('opencv*.libs') if name == 'cv2' else ())):
            (packages / part.name).symlink_to(part)
    script = ROOT / 'demo' / 'onnx_predict.py'
    code = (f'import sys, runpy; sys.path.append({str(packages)!r}); sys.argv = sys.argv[1:]; '
            f'runpy.run_path({str(script)!r}, run_name="__main__"); '
            'loaded = {name.split(".")[0] for name in sys.modules}; '
            'assert not loaded & {"torch", "mmengine", "mmpose", "mmcv", "rsn_mm", "onnx"}')
    boxes = [word for box in BOXES for word in ('--box', *map(str, box.tolist()))]
    command = [sys.executable, '-I', '-S', '-c', code, script, folder / 'tiny.onnx',
               folder / 'image.png', *boxes, '--out', tmp_path / 'drawn.png']
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    found = np.array([list(json.loads(line).values()) for line in lines])
    np.testing.assert_allclose(found[..., :2], people.keypoints, atol=0.05)
    np.testing.assert_allclose(found[..., 2], people.keypoint_scores, atol=0.01)
    assert json.loads(lines[0]).keys() >= {'nose', 'left_ankle'}
    assert cv2.imread(str(tmp_path / 'drawn.png')).shape == IMAGE.shape


def test_demo_draws_joints_above_the_threshold():
    picture = np.zeros((60, 80, 3), np.uint8)
    draw = runpy.run_path(str(ROOT / 'demo' / 'onnx_predict.py'))['draw']
    draw(picture, np.array([[[10., 10.], [30., 10.], [60., 50.]]]), np.array([[0.9, 0.6, 0.5]]),
         [[0, 1], [1, 2]])
    assert picture[10, 10].any() and picture[10, 30].any()
    assert picture[10, 20].any() and not picture[30, 45].any() and not picture[50, 60].any()


def test_demo_is_short():
    assert len((ROOT / 'demo' / 'onnx_predict.py').read_text().splitlines()) < 100


def test_a_signal_after_the_end_of_sessions_does_not_crash(folder, tmp_path):
    out = run_fresh(f"""
        import os, signal, time
        import rsn_mm
        from pathlib import Path
        from rsn_mm.export.int8 import write_openvino
        from rsn_mm.export.sessions import Content, open_session
        from tests.export.tiny import images_of

        content = Path({str(folder / 'tiny.onnx')!r}).read_bytes()
        images = images_of(2)
        first = open_session(Content(content), 'openvino')
        write_openvino(content, images, (), Path({str(tmp_path / 'int8.xml')!r}))
        second = open_session({str(tmp_path / 'int8.xml')!r}, 'openvino')
        del first  # in the order in which they began
        del second
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        except KeyboardInterrupt:
            print('interrupted')
    """)
    assert out.endswith('interrupted\n')
