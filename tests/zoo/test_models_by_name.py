"""Published models by name, from a server of this process under an index of the test."""

import hashlib
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from rsn_mm import checkpoints
from rsn_mm.apis import Predictor
from rsn_mm.checkpoints.downloads import cached_file, checksum_in
from rsn_mm.cli import models as models_command
from rsn_mm.cli import predict
from rsn_mm.errors import CheckpointError, OptionError
from rsn_mm.models import RSN, MultiStageRSNHead
from rsn_mm.zoo import DEFAULT_DETECTOR, DEFAULT_POSE, DETECTOR, POSE, find_model, index

NAME = 'td-hm_rsn18_8xb32-210e_coco-256x192'
BOX = [[10, 10, 60, 90]]


def save(weights: dict, folder: Path, name: str, date: str) -> str:
    """Write weights to a file whose name has their checksum; returns the name."""
    torch.save(dict(state_dict=weights), folder / name)
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()[:8]
    return (folder / name).rename(folder / f'{name}-{digest}{date}.pth').name


@pytest.fixture(scope='module')
def published(tmp_path_factory):
    """A folder of generated weights, of MMPose's RSN-18 and of mmdet's YOLOX-tiny."""
    from mmdet.registry import MODELS
    from mmengine.config import Config
    from mmengine.registry import DefaultScope

    folder = tmp_path_factory.mktemp('published')
    torch.manual_seed(0)
    pose = torch.nn.ModuleDict(dict(
        backbone=RSN(depth=18, variant='released'),
        head=MultiStageRSNHead(num_stages=1, out_channels=17, heatmap_size=(48, 64))))
    theirs = checkpoints.to_mmpose(pose.state_dict())
    config = find_model('mmdet/yolox-tiny', DETECTOR).config
    with DefaultScope.overwrite_default_scope('mmdet'):
        detector = MODELS.build(Config.fromfile(config).model)
    with torch.no_grad():  # it finds people, and nothing else, everywhere
        for conv in (*detector.bbox_head.multi_level_conv_cls,
                     *detector.bbox_head.multi_level_conv_obj):
            conv.weight.zero_()
            conv.bias.fill_(-9)
            conv.bias[0] = 3
        for conv in detector.bbox_head.multi_level_conv_reg:
            conv.weight.zero_()
            conv.bias.copy_(torch.tensor([0., 0., 5., 5.]))
    return folder, pose.state_dict(), dict(
        mmpose=save(theirs, folder, NAME, '_20221013'),
        mmdet=save(detector.state_dict(), folder, 'yolox_tiny_8x8_300e_coco_20211124_171234', ''))


class Handler(SimpleHTTPRequestHandler):
    """Counts what is asked for."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope='module')
def server(published):
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(Handler, directory=str(published[0])))
    thread = threading.Thread(target=server.serve_forever, kwargs=dict(poll_interval=.05))
    thread.start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    server.server_close()
    thread.join()


def use_index(monkeypatch, folder: Path, addresses: dict[str, str]) -> None:
    """Let the packages publish one model each, at these addresses."""
    configs = {POSE: find_model(f'mmpose/{NAME}', POSE).config,
               DETECTOR: find_model('mmdet/yolox-tiny', DETECTOR).config}
    metafiles = {POSE: 'configs/rsn_coco.yml', DETECTOR: 'configs/yolox/metafile.yml'}
    tasks = {POSE: 'Body 2D Keypoint', DETECTOR: 'Object Detection'}
    for package, address in addresses.items():
        metafile = folder / package / metafiles[package]
        metafile.parent.mkdir(parents=True)
        metafile.write_text(yaml.safe_dump(dict(Models=[dict(
            Config=str(configs[package]), Weights=address,
            Results=[dict(Task=tasks[package], Metrics=dict(AP=.7))])])))
        (folder / package / 'model-index.yml').write_text(
            yaml.safe_dump(dict(Import=[metafiles[package]])))
    monkeypatch.setattr(index, 'folder_of', folder.joinpath)
    index.published_models.cache_clear()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    Handler.asked.clear()
    yield tmp_path
    index.published_models.cache_clear()


@pytest.fixture
def online(hub, server, published, monkeypatch):
    """The index with the server's addresses."""
    addresses = {package: f'{server}/{name}' for package, name in published[2].items()}
    use_index(monkeypatch, hub, addresses)
    return addresses


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (100, 80, 3), dtype=np.uint8)


# -------------------------------------------------------------------------------------- the index


def test_index_of_the_installed_packages():
    for package, default, count in ((POSE, DEFAULT_POSE, 8), (DETECTOR, DEFAULT_DETECTOR, 10)):
        models = index.published_models(package)
        assert len(models) >= count and find_model(default, package).short == default
        for model in models:
            assert model.config.is_file() and model.address.startswith('https://')
            assert len(checksum_in(model.address)) == 8 and 0.3 < model.ap < 0.8
            assert find_model(model.name, package) is find_model(model.short, package) is model
    assert find_model('mmpose/rsn50x3', POSE).name == (
        'mmpose/td-hm_3xrsn50_8xb32-210e_coco-256x192')
    assert find_model('mmpose/mspn50x4', POSE).config.stem.startswith('td-hm_4xmspn50_')


@pytest.mark.parametrize('name, package, message', [
    ('mmpose/rsn50x4', POSE, r'mmpose/rsn50x4 is not known; did you mean mmpose/.*rsn50x3'),
    ('mmpose/hourglass-xyz', POSE, r'not known'),
    ('mmdet/rtmdet-m', POSE, r'mmdet/rtmdet-m: expected one of mmpose, such as mmpose/'),
    ('mmpose/rsn18', DETECTOR, r'expected one of mmdet, such as mmdet/rtmdet-tiny'),
])
def test_unknown_names(name, package, message):
    with pytest.raises(OptionError, match=message):
        find_model(name, package)


def test_models_are_listed(capsys):
    models_command.main([])
    listed = capsys.readouterr().out
    for name in (DEFAULT_POSE, DEFAULT_DETECTOR, f'mmpose/{NAME}', 'rsn18_synthetic-128x96'):
        assert name in listed
    assert listed.count('(default)') == 2
    models_command.main([DEFAULT_DETECTOR])
    assert find_model(DEFAULT_DETECTOR, DETECTOR).address in capsys.readouterr().out


# ---------------------------------------------------------------------------- loading by the name


def test_a_model_is_downloaded_and_converted_once(online, published):
    Handler.asked.clear()
    predictor = Predictor('mmpose/rsn18', device='cpu')
    people, = predictor(image(), BOX)
    assert predictor.has_our_head and people.keypoints.shape == (1, 17, 2)
    again, = Predictor(f'mmpose/{NAME}', device='cpu')(image(), BOX)
    np.testing.assert_array_equal(people.keypoints, again.keypoints)
    assert Handler.asked == [f'/{published[2]["mmpose"]}']
    converted, = cached_file(online['mmpose']).parent.glob('*.rsn_mm-*.pth')
    weights = checkpoints.read(converted)['state_dict']
    assert all(torch.equal(weights[name], value) for name, value in published[1].items())
    other, = Predictor('rsn18-mmpose_coco-256x192', converted, device='cpu')(image(), BOX)
    np.testing.assert_array_equal(people.keypoints, other.keypoints)


def test_a_first_call_without_options_uses_the_default_pair(online, hub, monkeypatch, capsys):
    monkeypatch.setattr(predict, 'DEFAULT_POSE', 'mmpose/rsn18')
    monkeypatch.setattr(predict, 'DEFAULT_DETECTOR', 'mmdet/yolox-tiny')
    monkeypatch.chdir(hub)
    cv2.imwrite('photo.png', image())
    predict.main(['photo.png'])
    assert 'people in 1 images: predictions/keypoints.jsonl' in capsys.readouterr().out
    record = json.loads(Path('predictions/keypoints.jsonl').read_text())
    assert len(record['people']) > 0
    assert len({each.partition('-')[0] for each in Handler.asked}) == 2


def test_without_a_connection_the_file_is_put_by_hand(hub, published, monkeypatch):
    name = published[2]['mmpose']
    address = f'http://127.0.0.1:1/{name}'
    use_index(monkeypatch, hub, dict(mmpose=address))
    file = cached_file(address)
    with pytest.raises(CheckpointError) as error:
        Predictor('mmpose/rsn18', device='cpu')
    assert f'{address} cannot be downloaded to {file} (' in str(error.value)
    assert 'by hand and put it there' in str(error.value)

    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes((published[0] / name).read_bytes()[:-1])
    with pytest.raises(CheckpointError, match='SHA-256 begins with .*, expected .*; remove it'):
        Predictor('mmpose/rsn18', device='cpu')
    file.write_bytes((published[0] / name).read_bytes())
    Predictor('mmpose/rsn18', device='cpu')


def test_a_download_with_another_checksum_is_refused(hub, published, server, monkeypatch):
    name = 'other-00000000_20221013.pth'
    (published[0] / name).write_bytes(b'nothing')
    use_index(monkeypatch, hub, dict(mmpose=f'{server}/{name}'))
    with pytest.raises(CheckpointError, match='SHA-256 begins with .*, expected 00000000'):
        Predictor('mmpose/rsn18', device='cpu')
    assert not cached_file(f'{server}/{name}').exists()


# ------------------------------------------------------------------------------------- bad options


@pytest.mark.parametrize('arguments, message', [
    ('--model mmpose/rsn19', 'mmpose/rsn19 is not known; did you mean mmpose/rsn18'),
    ('--model mmdet/rtmdet-m', 'expected one of mmpose'),
    ('--model mmpose/rsn18 b.png', 'put what follows mmpose/rsn18 in front of --model'),
    ('--model config.py', 'expected CONFIG CHECKPOINT, or the name of a published model'),
    ('--model a b c', 'expected CONFIG CHECKPOINT, or the name of a published model'),
    ('--model config.py weights.pth', 'needs --detector, --boxes or --whole-image'),
    ('--detector mmpose/rsn18', 'expected one of mmdet'),
])
def test_bad_options(arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        predict.main(['a.png', *arguments.split()])
    assert exit_.value.code == 2 and message in ' '.join(capsys.readouterr().err.split())


def test_a_config_alone_has_no_weights():
    with pytest.raises(OptionError, match='config rsn18_coco-256x192 needs a checkpoint'):
        Predictor('rsn18_coco-256x192', device='cpu')
