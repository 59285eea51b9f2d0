"""mmengine reads checkpoints through :func:`~rsn_mm.checkpoints.files.read`, too.

So ``load_from``, ``resume``, ``init_cfg=dict(type='Pretrained', ...)`` and the functions of MMPose
and mmdet read the same formats, with the same messages and the same cache of downloads, and neither
runs what a file contains.
"""

from collections.abc import Callable
from typing import Any

from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import (
    _process_mmcls_checkpoint,
    load_from_ceph,
    load_from_pavi,
)

from .downloads import LISTS, WEB
from .files import read

CLASSIFICATION = 'mmcls://'


def without_program(checkpoint: Any) -> Any:
    """Remove the entry of a checkpoint that mmengine's runner runs as Python when it resumes.

    Old versions wrote their config into ``meta.config``. The runner wants to know from it how many
    GPUs that run had, for configs that state ``gpu_ids``, which no config does any more.
    """
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    if isinstance(meta, dict):
        meta.pop('config', None)
    return checkpoint


def load_from_rsn_mm(filename: str, map_location: Any = None) -> Any:
    """Load a checkpoint as mmengine's loaders do.

    Args:
        filename: A file, a web address, or a name such as ``'torchvision://resnet50'``.
        map_location: Where the tensors go; by default the CPU.

    Raises:
        CheckpointError: See :func:`~rsn_mm.checkpoints.files.read`.
    """
    checkpoint = without_program(read(filename, map_location or 'cpu'))
    if filename.startswith(CLASSIFICATION):
        return _process_mmcls_checkpoint(checkpoint)
    return checkpoint


def _made_harmless(load: Callable) -> Callable:
    def load_from_storage(filename: str, map_location: Any = None) -> Any:
        return without_program(load(filename, map_location))
    return load_from_storage


CheckpointLoader.register_scheme(('', *WEB, *LISTS), load_from_rsn_mm, force=True)
# Storage that needs a client of its own.
CheckpointLoader.register_scheme([r'(\S+\:)?s3://', r'(\S+\:)?petrel://'],
                                 _made_harmless(load_from_ceph), force=True)
CheckpointLoader.register_scheme('pavi://', _made_harmless(load_from_pavi), force=True)
