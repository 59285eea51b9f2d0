"""Reference numbers of the released implementation, kept in ``tests/data``."""

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

DATA = Path(__file__).parent / 'data'


def load(name: str) -> dict[str, np.ndarray]:
    """Arrays of ``reference_<name>.npz``."""
    with np.load(DATA / f'reference_{name}.npz') as arrays:
        return dict(arrays)


def weights(name: str, salt: str) -> dict[str, Tensor]:
    """State dict of a released network, its weights drawn by the recipe the numbers were made with.

    The recipe draws every tensor from a generator seeded with the salt and the tensor's key.
    """
    shapes = json.loads((DATA / f'reference_{name}_state_dict.json').read_text())

    def draw(key: str, shape: list[int]) -> np.ndarray:
        rng = np.random.RandomState(zlib.crc32((salt + key).encode()) & 0xffffffff)
        if key.endswith('num_batches_tracked'):
            return np.array(1000)
        if key.endswith('running_var'):
            return rng.uniform(0.5, 1.5, shape).astype('float32')
        if key.endswith(('running_mean', 'bias')):
            return (0.1 * rng.standard_normal(shape)).astype('float32')
        if len(shape) == 4:
            fan_in = np.prod(shape[1:])
            return (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype('float32')
        return rng.uniform(0.4, 0.9, shape).astype('float32')

    return {key: torch.from_numpy(draw(key, shape)) for key, shape in shapes.items()}
