"""Gaussian blurring as matrices: a blur along one axis is a banded matrix.

What OpenCV's ``GaussianBlur(map, (k, k), 0)`` does, which the reference uses, is separable: one
matrix per axis does the same, for many maps at once and on any device, and does not depend on the
OpenCV version.
"""

import numpy as np

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
    """Normalised one-dimensional kernel, (size,) float64.

    Args:
        size: Odd number of taps. Sigma is ``0.3 * ((size - 1) * 0.5 - 1) + 0.8`` cells.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f'kernel size {size}: expected an odd number, 1 or more')
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
