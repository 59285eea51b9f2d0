"""Gaussian blurring of many maps at once, on any device.

The results are those of OpenCV's ``GaussianBlur(map, (k, k), 0)``, which the reference uses: one
axis is blurred after the other, with OpenCV's own kernels.
"""

import cv2
import numpy as np
import torch
from torch import Tensor


def gaussian_kernel(size: int) -> np.ndarray:
    """OpenCV's normalized one-dimensional kernel, (size,) float64.

    Args:
        size: Odd number of taps. Up to 9 OpenCV takes the kernel from a table; above, sigma is
            ``0.3 * ((size - 1) * 0.5 - 1) + 0.8`` cells.
    """
    return cv2.getGaussianKernel(size, 0, cv2.CV_64F)[:, 0]


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
    """Blur maps along one axis and drop the ``kernel_size - 1`` cells that lack a neighbor.

    The two cells at each distance are added before they are weighted. A symmetric map therefore
    stays symmetric to the last bit, on every device.
    """
    radius, kernel = kernel_size // 2, gaussian_kernel(kernel_size).tolist()
    length = maps.shape[dim] - 2 * radius
    blurred = maps.narrow(dim, radius, length) * kernel[radius]
    pair = torch.empty_like(blurred)
    for i in range(radius):
        torch.add(maps.narrow(dim, i, length), maps.narrow(dim, 2 * radius - i, length), out=pair)
        blurred += pair.mul_(kernel[i])
    return blurred
