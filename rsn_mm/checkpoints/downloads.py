"""Files of the web, in torch's cache."""

import os
from pathlib import Path
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier

from rsn_mm.errors import CheckpointError

WEB = ('http://', 'https://')


def download(address: str) -> Path:
    """The file in torch's cache, downloaded once for all processes of a machine.

    Raises:
        CheckpointError: If it cannot be downloaded, or is not the one whose checksum is in its
            name.
    """
    file = Path(torch.hub.get_dir()) / 'checkpoints' / Path(urlparse(address).path).name
    # mmengine's own local rank is not there in runs over gloo.
    if os.environ.get('LOCAL_RANK', '0') == '0' and not file.exists():
        checksum = torch.hub.HASH_REGEX.search(file.name)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(
                address, str(file), hash_prefix=checksum and checksum[1])
        except (OSError, RuntimeError) as error:  # of the network, the disk; of the checksum
            raise CheckpointError(f'{address} cannot be downloaded to {file}: {error}; download '
                                  'it by hand and name the file as the checkpoint') from error
    barrier()
    return file
