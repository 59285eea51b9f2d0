"""Downloads: each address has its own place in the cache, and a file is there whole or not at all.

torch's own download is keyed by the last part of the address, waits without end for a server that
hangs, and keeps what it got when the connection was cut.
"""

import hashlib
import http.client
import json
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

import mmengine
import torch
from mmengine.dist import barrier
from rich.console import Console
from rich.progress import wrap_file

from rsn_mm.errors import CheckpointError, listing
from rsn_mm.files import written_whole

WEB = ('http://', 'https://')
#: Names of published weights: mmengine's lists of their addresses, by the scheme of the name.
#: torchvision's works without torchvision.
LISTS = {'torchvision://': 'torchvision_0.12.json', 'modelzoo://': 'torchvision_0.12.json',
         'open-mmlab://': 'openmmlab.json', 'openmmlab://': 'openmmlab.json',
         'mmcls://': 'mmcls.json'}
OLD_NAMES = 'deprecated.json'
#: A message lists the known names that begin with as many letters of the unknown one.
NUM_ALIKE = 6
#: The checksum in names such as ``resnet18-f37072fd.pth`` and ``rsn18-9049ed09_20221013.pth``.
CHECKSUM = re.compile(r'-(?!20\d{6}\.)([0-9a-f]{8,64})(?:_20\d{6})?\.')
#: Seconds that a server may be silent.
TIMEOUT = 30.
#: Digits of the hash of an address that name its folder in the cache.
NUM_DIGITS = 16
CHUNK = 1 << 20  #: bytes


def web_address(name: str) -> str | None:
    """The address that a name stands for, or ``None`` for a file.

    Args:
        name: A file, a web address, or a name such as ``'torchvision://resnet50'``.

    Raises:
        CheckpointError: If the list of the name's scheme lacks it.
    """
    if name.startswith(WEB):
        return name
    scheme, _, model = name.partition('://')
    scheme += '://'
    if not model or scheme not in LISTS:
        return None
    addresses = _list(LISTS[scheme])
    known = model if model in addresses else _list(OLD_NAMES).get(model)
    if known not in addresses:
        alike = [other for other in addresses if other.startswith(model[:NUM_ALIKE])]
        raise CheckpointError(f'checkpoint {name}, expected {scheme} and one of '
                              f'{listing(alike or addresses)}')
    return addresses[known]


def _list(file_name: str) -> dict[str, str]:
    return json.loads((Path(mmengine.__file__).parent / 'hub' / file_name).read_text())


def cached_file(address: str) -> Path:
    """Where the download of an address lies: in a folder of its own in torch's cache."""
    key = hashlib.sha256(address.encode()).hexdigest()[:NUM_DIGITS]
    name = re.sub(r'[^\w.-]', '_', unquote(urlsplit(address).path).rpartition('/')[2])
    return Path(torch.hub.get_dir(), 'checkpoints', 'rsn_mm', key, name.strip('.') or 'checkpoint')


def checksum_in(address: str) -> str | None:
    """The first digits of the SHA-256 of a file, in hexadecimal, if its name has them."""
    found = CHECKSUM.search(urlsplit(address).path.rpartition('/')[2])
    return found[1] if found else None


def download(address: str) -> Path:
    """Download a file into torch's cache, once for all processes of a machine.

    Returns:
        The path of the file in the cache.

    Raises:
        CheckpointError: If the download fails or is cut off, the server is silent for
            :data:`TIMEOUT` seconds, or the file does not match the checksum in its name.
    """
    file = cached_file(address)
    problem: Exception | None = None
    # mmengine does not know the local rank in runs over gloo.
    if os.environ.get('LOCAL_RANK', '0') == '0' and not file.exists():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            _fetch(address, file)
        except (OSError, ValueError, http.client.HTTPException) as error:
            problem = error
    barrier()
    if problem is not None or not file.exists():
        reason = f'{type(problem).__name__}: {problem}' if problem else 'see the first process'
        raise CheckpointError(
            f'checkpoint {address} cannot be downloaded to {file} ({reason}); download it by hand '
            'and put it there, or give the path of the file instead') from problem
    return file


def _fetch(address: str, file: Path) -> None:
    """Download an address to a file, which appears when it is complete.

    Raises:
        OSError, HTTPException: If the connection fails.
        ValueError: If the file is incomplete or has another checksum.
    """
    checksum = checksum_in(address)
    digest, size = hashlib.sha256(), 0
    request = Request(address, headers={'User-Agent': 'rsn_mm'})
    with urlopen(request, timeout=TIMEOUT) as response, written_whole(file) as target:
        stated = response.headers.get('Content-Length', '')
        total = int(stated) if stated.isdecimal() else None
        with wrap_file(response, total or 0, description=f'Downloading {file.name}',
                       console=Console(stderr=True), transient=True) as source:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += target.write(chunk)
        if total is not None and size != total:
            raise ValueError(f'the connection was cut after {size} of {total} bytes')
        if checksum is not None and not digest.hexdigest().startswith(checksum):
            raise ValueError(f'its SHA-256 begins with {digest.hexdigest()[:len(checksum)]}, '
                             f'expected {checksum}')
