"""The two highest cells of blurred heatmaps."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding

#: Blurred rows looked at on either side of the highest: as many as the blur reaches, or this.
MIN_WINDOW_RADIUS = 2
#: What a bound, computed in float32, may be too low by.
BOUND_MARGIN = 1 + 1e-5


class Peaks(NamedTuple):
    """Cells x, y in the blurred map, (N, 2) int64. Of equal cells the first in reading order."""

    first: Tensor
    second: Tensor  #: the highest once the first one is 0


@torch.no_grad()
def blurred_peaks(maps: Tensor, blur_y: Tensor, blur_x: Tensor) -> Peaks:
    """Peaks of ``blur_y @ map @ blur_x.T``.

    On a processor most maps are settled by a few rows around their highest one; the result is that
    of :func:`plain_blurred_peaks`.

    Args:
        maps: (N, H, W).
        blur_y: (H', H), weights of each blurred row, none negative, with a sum of at most 1.
        blur_x: (W', W), likewise of each blurred column.
    """
    reach = int((blur_y > 0).sum(-1).max()) // 2
    radius = max(reach, MIN_WINDOW_RADIUS)
    sources = 2 * (radius + reach) + 1
    if maps.device.type != 'cpu' or maps.shape[1] < sources:
        return plain_blurred_peaks(maps, blur_y, blur_x)
    peaks, certain = _peaks_near_highest_row(maps, blur_y, blur_x, radius, sources)
    if not certain.all():
        rest = (~certain).nonzero().squeeze(-1)
        for found, exact in zip(peaks, plain_blurred_peaks(maps[rest], blur_y, blur_x)):
            found[rest] = exact
    return peaks


def plain_blurred_peaks(maps: Tensor, blur_y: Tensor, blur_x: Tensor) -> Peaks:
    """As :func:`blurred_peaks`, from all cells."""
    first, second, _ = _two_highest(blur_y @ maps @ blur_x.mT)
    return Peaks(first, second)


def _peaks_near_highest_row(maps: Tensor, blur_y: Tensor, blur_x: Tensor, radius: int,
                            sources: int) -> tuple[Peaks, Tensor]:
    """Peaks among the rows around the highest, and (N,) whether no other row has a higher cell.

    Args:
        radius: Of the window of blurred rows.
        sources: Rows of the map that the window is blurred from.
    """
    # Blurring along x cannot raise a row's maximum: these are bounds of the blurred rows' maxima.
    bounds = maps.amax(-1).clamp_min(0) @ blur_y.mT
    rows = 2 * radius + 1
    top = (bounds.argmax(-1) - radius).clamp(0, len(blur_y) - rows)

    # For every window of blurred rows: the first row of the map that it needs, and the weights.
    windows = blur_y.unfold(0, rows, 1)  # (windows, H, rows)
    source = (windows.sum(-1) > 0).int().argmax(-1).clamp(0, maps.shape[1] - sources)
    columns = source[:, None] + torch.arange(sources)
    weights = windows.gather(1, columns[..., None].expand(-1, -1, rows)).mT

    index = embedding(top, columns) + torch.arange(len(maps))[:, None] * maps.shape[1]
    near = embedding(index, maps.flatten(0, 1))  # (N, sources, W)
    near = embedding(top, weights.flatten(1)).view(-1, rows, sources) @ near

    margin = int((blur_x.sum(-1) > 0).int().argmax())  # empty columns have no highest cell
    first, second, value = _two_highest(near @ blur_x[margin:len(blur_x) - margin].mT)
    for cells in (first, second):
        cells += torch.stack((torch.full_like(top, margin), top), -1)
    elsewhere = bounds.scatter(-1, top[:, None] + torch.arange(rows), 0).amax(-1)
    return Peaks(first, second), value > elsewhere * BOUND_MARGIN


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
