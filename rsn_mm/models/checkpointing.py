"""Activation checkpointing that changes no result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .layers import norm_layers


@contextmanager
def _frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Let batch norms use the batch without updating their running statistics."""
    norms: list[Any] = [norm for norm in norm_layers(module) if norm.track_running_stats]
    saved = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for m, *_ in saved:
        m.momentum = 0.
        # SyncBN insists on counting batches; it counts in a copy.
        m.num_batches_tracked = m.num_batches_tracked.clone()
    try:
        yield
    finally:
        for m, momentum, num_batches_tracked in saved:
            m.momentum, m.num_batches_tracked = momentum, num_batches_tracked


class CheckpointedModule(BaseModule):
    """A module that can save memory at the cost of time.

    Subclasses define :meth:`compute` in place of ``forward``. Outputs, gradients and running
    statistics are those of the plain module: the second forward pass does not update the running
    mean and variance again.

    Args:
        with_cp: Keep no features inside the module in training and recompute them in the backward
            pass.
    """

    def __init__(self, with_cp: bool = False) -> None:
        super().__init__()
        self.with_cp = with_cp

    def forward(self, *inputs: Tensor | None) -> Tensor:
        if self.with_cp and self.training:
            return checkpoint(
                self.compute, *inputs, use_reentrant=False,
                context_fn=lambda: (nullcontext(), _frozen_statistics(self)))
        return self.compute(*inputs)

    #: Computes the output, as ``forward`` of a plain module does.
    compute: Callable[..., Tensor]
