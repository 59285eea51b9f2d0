"""Mixed precision in bfloat16, on a GPU and on a CPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper as MMEngineAmpOptimWrapper
from mmengine.optim import OptimWrapper
from torch import nn

from rsn_mm.errors import OptionError
from rsn_mm.processors import warn_of_slow_bfloat16
from rsn_mm.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AmpOptimWrapper(MMEngineAmpOptimWrapper):
    """Mixed-precision training in bfloat16, without loss scaling.

    Heatmaps reach 255, so sums of their squared errors overflow float16, which ends at 65,504.
    bfloat16 has the range of float32 and needs no loss scale, so there is none to save or resume.
    A GPU and a CPU can resume each other's checkpoints, and those of mmengine's
    ``AmpOptimWrapper`` and of plain ``OptimWrapper``.

    Args:
        dtype: ``'bfloat16'``.
        kwargs: Of mmengine's ``OptimWrapper``: ``optimizer``, ``accumulative_counts``,
            ``clip_grad``.

    Raises:
        OptionError: If ``dtype`` is anything else, or options of a loss scale are given.
    """

    def __init__(self, dtype: str | torch.dtype = 'bfloat16', **kwargs) -> None:
        if dtype not in ('bfloat16', torch.bfloat16):
            raise OptionError(
                f"AmpOptimWrapper: dtype={dtype!r}, expected 'bfloat16': heatmaps reach 255, and "
                'float16 overflows on their squared errors; for float32 use OptimWrapper')
        for name in ('loss_scale', 'use_fsdp'):
            if name in kwargs:
                raise OptionError(f'AmpOptimWrapper: {name}={kwargs[name]!r} has no effect, '
                                  'bfloat16 needs no loss scale; leave it out')
        # Not mmengine's own __init__, which makes a scaler and refuses a machine without a GPU.
        OptimWrapper.__init__(self, **kwargs)
        self.cast_dtype = torch.bfloat16
        if get_device() == 'cpu':
            warn_of_slow_bfloat16('AmpOptimWrapper')

    backward = OptimWrapper.backward
    step = OptimWrapper.step
    state_dict = OptimWrapper.state_dict

    def load_state_dict(self, state_dict: dict) -> None:
        """Load what any ``OptimWrapper`` saved, except for a loss scale."""
        OptimWrapper.load_state_dict(
            self, {key: value for key, value in state_dict.items() if key != 'loss_scaler'})

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Mixed precision in forward, and no gradient synchronization while accumulating."""
        with OptimWrapper.optim_context(self, model), torch.autocast(
                torch.device(get_device()).type, dtype=self.cast_dtype):
            yield
