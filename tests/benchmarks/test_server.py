import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from unittest import mock

import cv2
import numpy as np
import pytest
import torch

from benchmarks import server, steps
from rsn_mm.errors import CommandError


@pytest.fixture
def host():
    """A server that says so when it is asked for anything but poses of the right request."""
    class Handler(BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
            image = cv2.imdecode(np.frombuffer(base64.b64decode(body['image']), np.uint8), 1)
            fits = self.path == '/predict' and image.shape == (425, 640, 3) and body['boxes']
            self.send_response(200 if fits else 400)
            self.send_header('Content-Length', '2')
            self.end_headers()
            self.wfile.write(b'{}')

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        yield f'127.0.0.1:{http.server_port}'
        http.shutdown()


def test_every_answer_is_timed(host):
    times = server.answer_times(host, 3, 0.3)
    assert len(times.seconds) >= 3 and 0 < min(times.seconds) <= max(times.seconds)


def test_a_server_that_does_not_start_ends_the_benchmark(tmp_path):
    with mock.patch.object(server, 'ROOT', tmp_path), \
            pytest.raises(CommandError, match="demo/serve.py does not start: .*can't open file"):
        with server.running_server(tmp_path, torch.device('cpu')):
            pass


def test_without_its_package_the_step_says_what_to_install():
    settings = steps.Settings(torch.device('cpu'), 1, '', '')
    with mock.patch.object(server, 'find_spec', return_value=None):
        [race] = steps.server(settings)
    assert race.facts == {'missing': 'pip install -r demo/requirements-serve.txt'}
