"""The server of demo/ under the requests of clients on this machine."""

import base64
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config

from demo.load_test import send_for
from rsn_mm.errors import CommandError

from . import networks
from .timing import Times

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs/rsn/rsn18_coco-256x192.py'
#: What LitServe is imported as; demo/requirements-serve.txt installs it.
PACKAGE = 'litserve'
#: Seconds that the server may take to start.
PATIENCE = 120.


def is_installed() -> bool:
    """Whether the package of the server is installed."""
    return find_spec(PACKAGE) is not None


def request() -> bytes:
    """A photograph-sized image of noise with one person, as the body of a request."""
    coarse = np.random.default_rng(0).integers(0, 256, (17, 25, 3), dtype=np.uint8)
    _, file = cv2.imencode('.jpg', cv2.resize(coarse, (640, 425), interpolation=cv2.INTER_CUBIC))
    return json.dumps(dict(image=base64.b64encode(file.tobytes()).decode(),
                           boxes=[[200, 40, 400, 400]])).encode()


@contextmanager
def running_server(folder: Path, device: torch.device) -> Iterator[str]:
    """A server with RSN-18 of random weights; gives its address.

    Args:
        folder: For the weights and the log.
        device: Device of the network.

    Raises:
        CommandError: If the server does not start.
    """
    model = networks.build(Config.fromfile(CONFIG).model, torch.device('cpu'))
    torch.save(dict(state_dict=model.state_dict(), meta={}), folder / 'model.pth')
    with socket.create_server(('127.0.0.1', 0)) as free:
        host = f'127.0.0.1:{free.getsockname()[1]}'
    with open(folder / 'log.txt', 'w') as log:
        process = subprocess.Popen(
            [sys.executable, ROOT / 'demo/serve.py', '--model', CONFIG, folder / 'model.pth',
             '--device', device.type, '--port', host.partition(':')[2]],
            stdout=log, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + PATIENCE
        while not _is_healthy(host):
            if process.poll() is not None or time.monotonic() > end:
                last = (folder / 'log.txt').read_text().strip().splitlines()[-1:]
                raise CommandError(f'demo/serve.py does not start: {" ".join(last)}')
            time.sleep(0.5)
        yield host
    finally:
        process.terminate()
        process.wait()


def _is_healthy(host: str) -> bool:
    connection = HTTPConnection(host, timeout=5)
    try:
        connection.request('GET', '/health')
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def answer_times(host: str, clients: int, seconds: float) -> Times:
    """How long each request takes while clients send one after the other at the same time."""
    body = request()
    with ThreadPoolExecutor(clients) as pool:
        runs = [pool.submit(send_for, seconds, host, body) for _ in range(clients)]
        return Times(tuple(each for run in runs for each in run.result()))
