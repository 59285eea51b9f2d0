"""The two highest cells of blurred heatmaps."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding, pad

from .gaussian import blur, blur_matrix

#: Blurred cells looked at on either side of the highest: as many as the blur reaches, or this.
MIN_RADIUS = 2
#: Rows that share a bound: torch reduces long lines at the speed of memory, short ones slower.
BAND = 2
#: Maps that are searched whole at a time.
PART = 64
#: What a bound, computed in float32, may be too low by.
BOUND_MARGIN = 1 + 1e-5


class Peaks(NamedTuple):
    """Cells x, y of the map, (N, 2) int64. Of equal cells the first in reading order."""

    first: Tensor
    second: Tensor  #: the highest once the first one is 0


class PeakFinder:
    """Blurs maps with a border of zeros around them, and finds their two highest cells.

    On a processor most maps are settled by a window around their highest cell; the result is that
    of :meth:`search_all`.

    Args:
        height: Cells of a map.
        width: Likewise.
        kernel_size: Odd Gaussian kernel that reaches no further than the border.
        border: Zero cells added on every side before the blur, at least :data:`MIN_RADIUS`; cells
            there count from -1 down.
        device: Where the maps are.
    """

    def __init__(self, height: int, width: int, kernel_size: int, border: int,
                 device: torch.device) -> None:
        reach = kernel_size // 2
        radius = max(reach, MIN_RADIUS)
        self.kernel_size = kernel_size
        self.border = border
        self._margin = border + reach
        self._has_window = device.type == 'cpu' and height % BAND == 0
        if self._has_window:
            self._rows = _Windows(height, BAND, radius, reach, border)
            self._columns = _Windows(width, 1, radius, reach, border)
            blur_y, self._blur_columns = (
                torch.as_tensor(blur_matrix(n, kernel_size, border).T, dtype=torch.float32)
                for n in (height, width))
            self._blur_bands = blur_y.unflatten(0, (-1, BAND)).sum(1)

    @torch.no_grad()
    def __call__(self, maps: Tensor) -> Peaks:
        """Peaks of maps (N, H, W), contiguous float32."""
        if not self._has_window:
            return self.search_all(maps)
        peaks, certain = self._search_window(maps)
        if not certain.all():
            rest = (~certain).nonzero().squeeze(-1)
            for found, exact in zip(peaks, self.search_all(maps[rest])):
                found[rest] = exact
        return peaks

    @torch.no_grad()
    def search_all(self, maps: Tensor) -> Peaks:
        """As a call, from all cells."""
        # On a processor as many at a time as its cache holds.
        parts = maps.split(PART if maps.device.type == 'cpu' else max(len(maps), 1))
        peaks = [self._blurred_peaks(pad(part, [self._margin] * 4)) for part in parts]
        first, second, _ = map(torch.cat, zip(*peaks))
        return Peaks(first - self.border, second - self.border)

    def _search_window(self, maps: Tensor) -> tuple[Peaks, Tensor]:
        """Peaks around the highest cell, and (N,) whether every cell elsewhere is lower.

        Blurring along x cannot raise the maxima of rows, nor along y those of columns: these
        maxima, blurred along the other axis, are bounds of what the window leaves out.
        """
        count, height, width = maps.shape
        maxima = maps.view(count, -1, BAND * width).amax(-1)
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
        first, second, value = self._blurred_peaks(patch)

        rows, columns = self._rows.cells[band], self._columns.cells[column]
        corner = torch.stack((columns[:, 0], rows[:, 0]), -1) - self.border
        elsewhere = torch.maximum(row_bounds.scatter_(-1, rows, 0).amax(-1),
                                  column_bounds.scatter_(-1, columns, 0).amax(-1))
        return Peaks(first + corner, second + corner), value > elsewhere * BOUND_MARGIN

    def _blurred_peaks(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of what a blur leaves of maps: x, y of the two highest cells, the value of the second."""
        blurred = blur(blur(maps, self.kernel_size, 1), self.kernel_size, 2)
        cells, width = blurred.flatten(1), blurred.shape[-1]
        first = cells.argmax(-1, keepdim=True)
        value, second = cells.scatter_(-1, first, 0).max(-1, keepdim=True)
        first, second = (
            torch.cat((index % width, index // width), -1) for index in (first, second))
        return first, second, value.squeeze(-1)


class _Windows:
    """Windows along one axis, one for every ``step`` cells of a map, in their middle.

    Args:
        length: Cells of the map along the axis.
        step: Cells between a window and the next.
        radius: Blurred cells on either side of the middle ones.
        reach: Of the blur, in cells.
        border: As of :class:`PeakFinder`.
    """

    def __init__(self, length: int, step: int, radius: int, reach: int, border: int) -> None:
        middles = torch.arange(0, length, step)[:, None]
        #: Blurred cells of every window, counted from the border on.
        self.cells = middles + torch.arange(border - radius, border + radius + step)
        cells = middles + torch.arange(-radius - reach, radius + reach + step)
        #: Cells of the map that they are blurred from, and 0 for those outside it, which are zeros.
        self.sources = cells.clamp(0, length - 1)
        self.inside = (cells == self.sources).float()
