"""From the name of a published model to files that can be loaded."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from rsn_mm import conversion
from rsn_mm.checkpoints.contents import meta_of
from rsn_mm.checkpoints.downloads import checksum_in, download
from rsn_mm.checkpoints.files import read, write
from rsn_mm.configuration import find_config
from rsn_mm.errors import CheckpointError
from rsn_mm.version import __version__

from .index import POSE, Published, find_model

#: Ending of a converted checkpoint in the cache. Another version converts it again.
CONVERTED = f'.rsn_mm-{__version__}.pth'


class Files(NamedTuple):
    """What a model is loaded from."""

    config: str
    checkpoint: str


def get_model(name: str, package: str) -> Files:
    """Get the files of a published model, downloading and converting its checkpoint once.

    RSN and MSPN of MMPose are converted to networks of this package, which run in their test-time
    form. Detectors stay as they are. Everything is kept in torch's cache.

    Args:
        name: Its name or short name.
        package: :data:`.POSE` or :data:`.DETECTOR`, which it has to be of.

    Raises:
        OptionError: If there is no such model.
        CheckpointError: If its checkpoint cannot be downloaded or is another file. The message has
            its address and where to put the file.
    """
    model = find_model(name, package)
    checkpoint = download(model.address)
    _check(checkpoint, model)
    if package == POSE:
        return _converted(checkpoint)
    return Files(str(model.config), str(checkpoint))


def _check(checkpoint: Path, model: Published) -> None:
    """Refuse a file that does not have the checksum in its name, however it came into the cache."""
    expected = checksum_in(model.address)
    if expected is None:
        return
    with open(checkpoint, 'rb') as file:
        digest = hashlib.file_digest(file, 'sha256') if hasattr(
            hashlib, 'file_digest') else hashlib.sha256(file.read())
    if not digest.hexdigest().startswith(expected):
        raise CheckpointError(
            f'checkpoint {checkpoint} of {model.name} is not the file of {model.address}: its '
            f'SHA-256 begins with {digest.hexdigest()[:len(expected)]}, expected {expected}; '
            'remove it to download it again')


def _converted(checkpoint: Path) -> Files:
    target = checkpoint.with_name(checkpoint.name.removesuffix('.pth') + CONVERTED)
    if not target.exists():
        try:
            converted, info = conversion.convert_checkpoint(read(checkpoint), 'mmpose')
        except CheckpointError as error:
            raise CheckpointError(f'{checkpoint}: {error}') from error
        if info['cfg_options']:
            raise CheckpointError(f'checkpoint {checkpoint} fits none of the configs here; convert '
                                  'it with: rsn-mm convert')
        write(converted, target, overwrite=True)
    config = find_config(meta_of(read(target))['config'])
    return Files(os.fspath(config), str(target))
