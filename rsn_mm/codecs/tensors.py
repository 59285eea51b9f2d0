"""New tensors that outlive or reuse what torch would not."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


@torch.compiler.disable
def make_constant(make: Callable[[], Any]) -> Any:
    """Make a constant that outlives the compiled graph or inference mode that needs it first."""
    with torch.inference_mode(False):
        return make()


def uninitialized(shape: Sequence[int], device: torch.device) -> Tensor:
    """A float32 tensor with arbitrary contents.

    On a CPU the memory comes from NumPy. Torch aligns large blocks, so a freed one often cannot be
    used again, and getting new ones from the system takes longer than filling them.
    """
    if device.type == 'cpu' and not torch.compiler.is_compiling():
        return torch.from_numpy(np.empty(shape, np.float32))
    return torch.empty(shape, dtype=torch.float32, device=device)
