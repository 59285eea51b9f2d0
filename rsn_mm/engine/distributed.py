"""Distributed training on the CPU, for which mmengine has no wrapper."""

import logging

from mmengine.logging import print_log
from mmengine.model import MMDistributedDataParallel, revert_sync_batchnorm
from torch import nn

from rsn_mm.registry import MODEL_WRAPPERS


@MODEL_WRAPPERS.register_module()
class CPUDistributedDataParallel(MMDistributedDataParallel):
    """mmengine's distributed wrapper for a model on the CPU.

    A model on the CPU has no device ids. torch's ``SyncBatchNorm`` refuses to work there, so such
    layers become plain batch norms, which the log mentions.

    Args:
        module: The model.
        kwargs: Of mmengine's ``MMDistributedDataParallel``.
    """

    def __init__(self, module: nn.Module, broadcast_buffers: bool = False, **kwargs) -> None:
        synced = sum(isinstance(m, nn.SyncBatchNorm) for m in module.modules())
        if synced:
            module = revert_sync_batchnorm(module)
            print_log(f'SyncBN needs a GPU: {synced} layers use plain BN instead, with the '
                      'statistics of each process', logger='current', level=logging.WARNING)
        kwargs['device_ids'] = None
        super().__init__(module, broadcast_buffers=broadcast_buffers, **kwargs)
