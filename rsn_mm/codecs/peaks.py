"""Search for the two highest cells of blurred heatmaps."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding, pad

from .gaussian import blur, blur_matrix

#: Fewest blurred cells of a window on either side of the highest cell. A blur that reaches further
#: makes the window larger.
MIN_RADIUS = 2
#: Rows that share an upper bound. Torch finds the maximum of one long line much faster than the
#: maxima of two short ones.
BAND_ROWS = 2
#: Maps that :meth:`PeakFinder.search_all` takes at a time on a CPU, so that they stay in its cache.
MAPS_PER_PART = 64
#: Factor that covers the rounding error of a bound, which is computed in float32.
BOUND_MARGIN = 1 + 1e-5


class Peaks(NamedTuple):
    """Positions x, y of cells, (N, 2) int64. Among equal cells the first in reading order wins."""

    first: Tensor  #: the highest cell
    second: Tensor  #: the highest cell after the first one is set to 0


class PeakFinder:
    """Blurs maps with a border of zeros around them and finds their two highest cells.

    On a CPU a window around the highest cell is enough for most maps. The result is always the same
    as that of :meth:`search_all`.

    Args:
        height: Rows of a map.
        width: Columns of a map.
        kernel_size: Odd size of the Gaussian kernel, which must not reach beyond the border.
        border: Zero cells added on every side before the blur, at least :data:`MIN_RADIUS`.
            Positions in the left and upper border are negative.
        device: Where the maps are.
    """

    def __init__(self, height: int, width: int, kernel_size: int, border: int,
                 device: torch.device) -> None:
        reach = kernel_size // 2
        radius = max(reach, MIN_RADIUS)
        self.kernel_size = kernel_size
        self.border = border
        self._has_window = device.type == 'cpu' and height % BAND_ROWS == 0
        if self._has_window:
            self._rows = _Windows(height, BAND_ROWS, radius, reach, border)
            self._columns = _Windows(width, 1, radius, reach, border)
            blur_y, self._blur_columns = (
                torch.as_tensor(blur_matrix(n, kernel_size, border).T, dtype=torch.float32)
                for n in (height, width))
            self._blur_bands = blur_y.unflatten(0, (-1, BAND_ROWS)).sum(1)

    @torch.no_grad()
    def __call__(self, maps: Tensor) -> Peaks:
        """Find the peaks of maps (N, H, W), contiguous float32."""
        if not self._has_window:
            return self.search_all(maps)
        peaks, certain = self._search_window(maps)
        if not certain.all():
            uncertain = (~certain).nonzero().squeeze(-1)
            for found, exact in zip(peaks, self.search_all(maps[uncertain])):
                found[uncertain] = exact
        return peaks

    @torch.no_grad()
    def search_all(self, maps: Tensor) -> Peaks:
        """Find the peaks among all cells of maps (N, H, W), without a window."""
        parts = maps.split(MAPS_PER_PART if maps.device.type == 'cpu' else max(len(maps), 1))
        peaks = [find_peaks(part, self.kernel_size, self.border) for part in parts]
        return Peaks(*map(torch.cat, zip(*peaks)))

    def _search_window(self, maps: Tensor) -> tuple[Peaks, Tensor]:
        """Find the peaks in a window around the highest cell.

        A blur along x cannot raise the maximum of a row, and one along y cannot raise the maximum
        of a column. The maxima of the rows, blurred along y, are therefore upper bounds of the
        blurred rows outside the window, and likewise for columns.

        Returns:
            The peaks, and (N,) whether all cells outside the window are certainly lower.
        """
        count, height, width = maps.shape
        maxima = maps.view(count, -1, BAND_ROWS * width).amax(-1)
        band = maxima.argmax(-1)
        row_bounds = maxima.clamp_min_(0) @ self._blur_bands

        starts = torch.arange(0, count * height, height)[:, None]
        near = embedding(self._rows.sources[band] + starts, maps.view(-1, width))
        maxima = near.amax(1)
        column = maxima.argmax(-1)
        column_bounds = maxima.clamp_min_(0) @ self._blur_columns

        patch = near.gather(2, self._columns.sources[column][:, None].expand(-1, near.shape[1], -1))
        patch *= self._rows.inside[band][:, :, None]
        patch *= self._columns.inside[column][:, None]
        first, second, value = _blurred_peaks(patch, self.kernel_size)

        rows, columns = self._rows.cells[band], self._columns.cells[column]
        corner = torch.stack((columns[:, 0], rows[:, 0]), -1) - self.border
        elsewhere = torch.maximum(row_bounds.scatter_(-1, rows, 0).amax(-1),
                                  column_bounds.scatter_(-1, columns, 0).amax(-1))
        return Peaks(first + corner, second + corner), value > elsewhere * BOUND_MARGIN


def find_peaks(maps: Tensor, kernel_size: int, border: int) -> Peaks:
    """Do what :meth:`PeakFinder.search_all` does, for all maps together and without branches.

    Such operations can be exported for any number of maps.
    """
    margin = border + kernel_size // 2
    first, second, _ = _blurred_peaks(pad(maps, [margin] * 4), kernel_size)
    return Peaks(first - border, second - border)


def _blurred_peaks(maps: Tensor, kernel_size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Blur maps without padding and find their two highest cells.

    Returns:
        x, y of the highest cell, x, y of the second highest cell, and the latter's value.
    """
    blurred = blur(blur(maps, kernel_size, 1), kernel_size, 2)
    cells, width = blurred.flatten(1), blurred.shape[-1]
    first = cells.argmax(-1, keepdim=True)
    value, second = cells.scatter_(-1, first, 0).max(-1, keepdim=True)
    first, second = (
        torch.cat((index % width, index // width), -1) for index in (first, second))
    return first, second, value.squeeze(-1)


class _Windows:
    """Windows along one axis of a map, each around a group of ``step`` cells.

    Args:
        length: Cells of the map along the axis.
        step: Cells in a group.
        radius: Blurred cells of a window on either side of the group.
        reach: Cells that the blur reaches to either side.
        border: As in :class:`PeakFinder`.
    """

    def __init__(self, length: int, step: int, radius: int, reach: int, border: int) -> None:
        groups = torch.arange(0, length, step)[:, None]
        #: Blurred cells of each window, as positions in the map with its border.
        self.cells = groups + torch.arange(border - radius, border + radius + step)
        cells = groups + torch.arange(-radius - reach, radius + reach + step)
        #: Cells of the map that each window is computed from. Cells outside the map, which hold
        #: zeros, are replaced by the nearest cell inside and have 0 in ``inside``.
        self.sources = cells.clamp(0, length - 1)
        self.inside = (cells == self.sources).float()
