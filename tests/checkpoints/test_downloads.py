"""Downloads from a server of this process: complete or refused, and each address for itself."""

import hashlib
import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from mmengine.runner import CheckpointLoader

from rsn_mm import checkpoints
from rsn_mm.checkpoints import CheckpointError, downloads
from rsn_mm.checkpoints.downloads import cached_file, download, web_address


def content(value: float) -> bytes:
    file = io.BytesIO()
    torch.save(dict(state_dict={'a.weight': torch.full((1000, ), value)}), file)
    return file.getvalue()


FILE = content(1.)
SUM = hashlib.sha256(FILE).hexdigest()[:8]


class Handler(BaseHTTPRequestHandler):
    """Answers by the first part of the path."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        kind = self.path.split('/')[1]
        if kind == 'gone':
            return self.send_error(404)
        if kind == 'silent':
            return self.server.released.wait(20)
        data = dict(second=content(2.), page=b'<!DOCTYPE html><p>Log in').get(kind, FILE)
        self.send_response(200)
        if kind != 'unstated':
            self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data[:len(data) // 2] if kind in ('cut', 'stuck', 'unstated') else data)
        if kind == 'stuck':
            self.wfile.flush()
            self.server.released.wait(20)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope='module')
def address():
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.released = threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs=dict(poll_interval=.05))
    thread.start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def hub(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setattr(downloads, 'TIMEOUT', .5)
    Handler.asked.clear()
    return tmp_path / 'hub'


def value_of(checkpoint: dict) -> float:
    return checkpoint['state_dict']['a.weight'].unique().item()


def test_addresses_that_end_alike_are_kept_apart(address):
    first, second = f'{address}/first/model.pth', f'{address}/second/model.pth'
    for _ in range(2):
        assert [value_of(checkpoints.read(name)) for name in (first, second)] == [1, 2]
    assert Handler.asked == ['/first/model.pth', '/second/model.pth']  # each once
    assert cached_file(first).name == cached_file(second).name == 'model.pth'
    assert value_of(CheckpointLoader.load_checkpoint(second)) == 2  # mmengine's cache is the same


@pytest.mark.parametrize('path, message', [
    ('gone/a.pth', 'HTTP Error 404'),
    ('silent/a.pth', 'imed out'),
    ('stuck/a.pth', 'imed out'),
    ('cut/a.pth', f'connection was cut after {len(FILE) // 2} of {len(FILE)} bytes'),
    ('whole/a-0123abcd.pth', f'its SHA-256 begins with {SUM}, expected 0123abcd'),
])
def test_what_fails_leaves_nothing(address, hub, path, message):
    name = f'{address}/{path}'
    for _ in range(2):  # it is not in the cache the second time either
        with pytest.raises(CheckpointError) as error:
            checkpoints.read(name)
        assert str(error.value).startswith(
            f'checkpoint {name} cannot be downloaded to {cached_file(name)} (')
        assert message in str(error.value)
    assert not [file for file in hub.rglob('*') if file.is_file()]


@pytest.mark.parametrize('path, message', [
    ('unstated/a.pth', 'cannot be read; it is damaged, incomplete'),  # cut, but nobody can tell
    ('page/a.pth', 'is refused: it is a web page'),
])
def test_a_download_that_cannot_be_read_is_named(address, path, message):
    name = f'{address}/{path}'
    with pytest.raises(CheckpointError) as error:
        checkpoints.read(name)
    assert str(error.value).startswith(
        f'checkpoint {name}, downloaded to {cached_file(name)} (remove this file to download it '
        f'again), {message}')


@pytest.mark.parametrize('name', [f'a-{SUM}.pth', 'a-20201204.pth', 'a-256.pth', 'a-0.pth'])
def test_checksums_and_what_looks_like_them(address, name):
    assert value_of(checkpoints.read(f'{address}/whole/{name}')) == 1


def test_other_processes_of_the_machine_do_not_download(address, monkeypatch):
    monkeypatch.setenv('LOCAL_RANK', '1')
    with pytest.raises(CheckpointError, match='cannot be downloaded .*see the first process'):
        download(f'{address}/whole/a.pth')
    assert not Handler.asked


@pytest.mark.parametrize('path, name', [
    ('whole/..', 'checkpoint'), ('whole/%2e%2e%2f%2e%2e%2fa.pth', 'a.pth'),
    ('whole/a.pth?token=1', 'a.pth'), ('', 'checkpoint'), ('whole/a%00b.pth', 'a_b.pth'),
])
def test_no_address_leads_out_of_the_cache(path, name, hub):
    file = cached_file(f'http://host/{path}')
    assert file.name == name and file.resolve().is_relative_to(hub / 'checkpoints' / 'rsn_mm')


def test_names_of_published_weights():
    assert web_address('torchvision://resnet50') == web_address('modelzoo://resnet50') == (
        'https://download.pytorch.org/models/resnet50-0676ba61.pth')
    assert web_address('open-mmlab://resnet50_caffe') == web_address(
        'openmmlab://detectron/resnet50_caffe')
    assert web_address('a.pth') is web_address('s3://bucket/a.pth') is None
    with pytest.raises(CheckpointError, match='mmcls://resnet5, expected mmcls:// and one of .*18'):
        web_address('mmcls://resnet5')
