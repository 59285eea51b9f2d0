"""Gaussian blurring of many maps at once, on any device.

It is what OpenCV's ``GaussianBlur(map, (k, k), 0)`` does, which the reference uses: separable, one
axis after the other.
"""

import numpy as np
import torch
from torch import Tensor

from rsn_mm.errors import OptionError

#: OpenCV's fixed tables for small kernels; larger ones follow the sigma rule below.
SMALL_KERNELS = {
    1: (1.0,),
    3: (0.25, 0.5, 0.25),
    5: (0.0625, 0.25, 0.375, 0.25, 0.0625),
    7: (0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125),
    9: (0.015625, 0.05078125, 0.1171875, 0.19921875, 0.234375, 0.19921875, 0.1171875, 0.05078125,
        0.015625),
}


def gaussian_kernel(size: int) -> np.ndarray:
    """Normalized one-dimensional kernel, (size,) float64.

    Args:
        size: Odd number of taps. Sigma is ``0.3 * ((size - 1) * 0.5 - 1) + 0.8`` cells.
    """
    if size < 1 or size % 2 == 0:
        raise OptionError(f'kernel size {size}: expected an odd number, 1 or more')
    if size in SMALL_KERNELS:
        return np.array(SMALL_KERNELS[size])
    sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
    offsets = np.arange(size) - size // 2
    kernel = np.exp(-offsets**2 / (2 * sigma**2))
    return kernel / kernel.sum()


def blur_matrix(length: int, kernel_size: int, border: int = 0) -> np.ndarray:
    """Matrix that pads a line with zeros and blurs it (reflect-101 at the padded ends).

    Args:
        length: Cells of the line.
        kernel_size: Odd.
        border: Zero cells added at each end before the blur.

    Returns:
        ``(length + 2 * border, length)`` float64: ``blurred = matrix @ line``.
    """
    padded = np.pad(np.eye(length), ((border, border), (0, 0)))
    radius = kernel_size // 2
    reflected = np.pad(padded, ((radius, radius), (0, 0)), mode='reflect')
    return sum(weight * reflected[i:i + len(padded)]
               for i, weight in enumerate(gaussian_kernel(kernel_size)))


def blur(maps: Tensor, kernel_size: int, dim: int) -> Tensor:
    """Blurred maps without the cells whose neighbors are missing: ``kernel_size - 1`` fewer.

    Cells that are equally far are added before they are weighed: what is symmetric stays so to the
    last bit, on every device, and cells that ought to be equal are.
    """
    radius, kernel = kernel_size // 2, gaussian_kernel(kernel_size).tolist()
    length = maps.shape[dim] - 2 * radius
    blurred = maps.narrow(dim, radius, length) * kernel[radius]
    pair = torch.empty_like(blurred)
    for i in range(radius):
        torch.add(maps.narrow(dim, i, length), maps.narrow(dim, 2 * radius - i, length), out=pair)
        blurred += pair.mul_(kernel[i])
    return blurred
