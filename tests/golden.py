"""Reference numbers of the released implementation, kept in ``tests/data``."""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

DATA = Path(__file__).parent / 'data'


def load(name: str) -> dict[str, np.ndarray]:
    """Arrays of ``reference_<name>.npz``."""
    with np.load(DATA / f'reference_{name}.npz') as arrays:
        return dict(arrays)


def draw(key: str, shape: Sequence[int], salt: str = '') -> Tensor:
    """A tensor of the recipe the numbers were made with: from the salt and the tensor's key."""
    rng = np.random.RandomState(zlib.crc32((salt + key).encode()) & 0xffffffff)
    if key.endswith('num_batches_tracked'):
        return torch.tensor(1000)
    if key.endswith('running_var'):
        values = rng.uniform(0.5, 1.5, shape)
    elif key.endswith(('running_mean', 'bias')):
        values = 0.1 * rng.standard_normal(shape)
    elif len(shape) == 4:
        values = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    else:
        values = rng.uniform(0.4, 0.9, shape)
    return torch.from_numpy(values.astype('float32'))


def weights(name: str, salt: str) -> dict[str, Tensor]:
    """State dict of a released network."""
    shapes = json.loads((DATA / f'reference_{name}_state_dict.json').read_text())
    return {key: draw(key, shape, salt) for key, shape in shapes.items()}


def fill(model: nn.Module) -> nn.Module:
    """Draw all weights of a model; features keep their size from layer to layer."""
    model.load_state_dict({key: draw(key, value.shape) for key, value in
                           model.state_dict().items()})
    return model.eval()
