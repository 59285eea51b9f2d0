"""The two highest cells of blurred heatmaps."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding

from .gaussian import blur_matrix

#: Blurred rows looked at on either side of the highest: as many as the blur reaches, or this.
MIN_WINDOW_RADIUS = 2
#: Rows that share a bound: torch reduces long lines at the speed of memory, short ones slower.
BAND = 2
#: What a bound, computed in float32, may be too low by.
BOUND_MARGIN = 1 + 1e-5


class Peaks(NamedTuple):
    """Cells x, y of the map, (N, 2) int64. Of equal cells the first in reading order."""

    first: Tensor
    second: Tensor  #: the highest once the first one is 0


class PeakFinder:
    """Blurs maps with a border of zeros around them, and finds their two highest cells.

    On a processor most maps are settled by a few rows around their highest one; the result is that
    of :meth:`search_all`.

    Args:
        height: Cells of a map.
        width: Likewise.
        kernel_size: Odd Gaussian kernel.
        border: Zero cells added on every side before the blur; cells there count from -1 down.
        device: Where the maps are.
    """

    def __init__(self, height: int, width: int, kernel_size: int, border: int,
                 device: torch.device) -> None:
        self.height = height
        self.border = border
        self.blur_y, self.blur_x = (
            torch.as_tensor(blur_matrix(n, kernel_size, border), dtype=torch.float32, device=device)
            for n in (height, width))
        reach = kernel_size // 2
        radius = max(reach, MIN_WINDOW_RADIUS)
        #: Blurred rows of a window, and rows of the map that they are blurred from.
        self.rows, self.sources = 2 * radius + 1, 2 * (radius + reach) + 1
        self._has_window = (
            device.type == 'cpu' and height >= self.sources and height % BAND == 0)
        if self._has_window:
            self._tabulate_windows(reach)

    def _tabulate_windows(self, reach: int) -> None:
        # For every window of blurred rows, by its first row: what of the map it needs.
        windows = self.blur_y.unfold(0, self.rows, 1)  # (windows, H, rows)
        first_source = (windows.sum(-1) > 0).int().argmax(-1).clamp(0, self.height - self.sources)
        self._source_rows = first_source[:, None] + torch.arange(self.sources)
        self._weights = windows.gather(
            1, self._source_rows[..., None].expand(-1, -1, self.rows)).mT.flatten(1)
        self._blur_bands = self.blur_y.unflatten(1, (-1, BAND)).sum(-1).mT
        # Columns that no cell of the map is blurred into have no highest cell.
        self._margin = max(self.border - reach, 0)
        self._blur_x_inner = self.blur_x[self._margin:len(self.blur_x) - self._margin].mT
        self._row_offsets = torch.arange(self.rows)

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
        first, second, _ = _two_highest(self.blur_y @ maps @ self.blur_x.mT)
        return Peaks(first - self.border, second - self.border)

    def _search_window(self, maps: Tensor) -> tuple[Peaks, Tensor]:
        """Peaks in the rows around the highest, and (N,) whether no other row has a higher cell."""
        # Blurring along x cannot raise a maximum: bounds of the blurred rows, from those of bands.
        bands = maps.view(len(maps), -1, BAND * maps.shape[-1])
        highest = bands.amax(-1)
        bounds = highest.clamp_min(0) @ self._blur_bands
        top = self._highest_row(bands, highest.argmax(-1)) + self.border - self.rows // 2
        top.clamp_(0, len(self.blur_y) - self.rows)

        starts = torch.arange(0, len(maps) * self.height, self.height)
        near = embedding(embedding(top, self._source_rows) + starts[:, None], maps.flatten(0, 1))
        weights = embedding(top, self._weights).view(-1, self.rows, self.sources)
        first, second, value = _two_highest(weights @ near @ self._blur_x_inner)

        corner = torch.stack((torch.full_like(top, self._margin), top), -1) - self.border
        elsewhere = bounds.scatter_(-1, top[:, None] + self._row_offsets, 0).amax(-1)
        return Peaks(first + corner, second + corner), value > elsewhere * BOUND_MARGIN

    def _highest_row(self, bands: Tensor, band: Tensor) -> Tensor:
        """Of the rows of one band of every map, the one with the highest cell, (N,)."""
        starts = torch.arange(0, bands.shape[0] * bands.shape[1], bands.shape[1])
        rows = embedding(band + starts, bands.flatten(0, 1)).unflatten(-1, (BAND, -1))
        return band * BAND + rows.amax(-1).argmax(-1)


def _two_highest(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x, y of the highest and of the second highest cell, and the latter's value (N,).

    Args:
        maps: (N, H, W), changed.
    """
    cells, width = maps.flatten(-2), maps.shape[-1]
    first = cells.argmax(-1, keepdim=True)
    value, second = cells.scatter_(-1, first, 0).max(-1, keepdim=True)

    def to_xy(index: Tensor) -> Tensor:
        return torch.cat((index % width, index // width), -1)

    return to_xy(first), to_xy(second), value.squeeze(-1)
