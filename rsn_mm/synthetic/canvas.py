"""A picture and its identity buffer, painted back to front with the same convex polygons.

Whatever is painted writes its color and its identity through one mask, so the buffer tells for
every sample of the picture what is in front. Both are supersampled. The colors are averaged when
the picture is finished; the identities never are. Corners are x and y in pixels, and the centers
of pixels are whole numbers, starting with 0.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

#: Samples per pixel along each axis.
SUPERSAMPLING = 2
#: Fractional bits of the corners that are given to OpenCV.
FRACTION_BITS = 4

Color = Sequence[float] | np.ndarray  #: blue, green, red, 0 to 255
#: Positions of samples in pixels, x (1, w) and y (h, 1) -> (h, w, 3) uint8 BGR.
Surface = Callable[[np.ndarray, np.ndarray], np.ndarray]

_ANGLES = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def hull(centers: Sequence[np.ndarray], radii: Sequence[float]) -> np.ndarray:
    """Return the (n, 2) convex hull of circles around (2,) or (3,) points."""
    points = np.concatenate([center[:2] + radius * _CIRCLE
                             for center, radius in zip(centers, radii, strict=True)])
    return cv2.convexHull(points.astype(np.float32))[:, 0]


def ellipse(center: Sequence[float] | np.ndarray, half_axes: Sequence[float] | np.ndarray,
            degrees: float = 0.0) -> np.ndarray:
    """Return a (20, 2) ellipse, turned clockwise by an angle, around a (2,) or (3,) point."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.asarray(center)[:2] + (_CIRCLE * half_axes) @ np.array([[c, s], [-s, c]])


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Return an upright rectangle as a (4, 2) polygon."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)


def fixed_point(polygon: np.ndarray) -> np.ndarray:
    """Return corners as the fixed-point integers that OpenCV takes."""
    return np.round(polygon * (1 << FRACTION_BITS)).astype(np.int32)


class Canvas:
    """A picture being painted.

    Args:
        backdrop: (h, w, 3) uint8 BGR, what is behind everything; its identity is 0.

    Attributes:
        colors: (h * S, w * S, 3) uint8 BGR, with S = ``SUPERSAMPLING``.
        ids: (h * S, w * S) uint8, identity of what is in front.
        painted: (256,) number of samples ever painted with each identity, covered since or not.
    """

    def __init__(self, backdrop: np.ndarray):
        self.height, self.width = backdrop.shape[:2]
        self.colors = cv2.resize(backdrop, None, fx=SUPERSAMPLING, fy=SUPERSAMPLING,
                                 interpolation=cv2.INTER_LINEAR)
        self.ids = np.zeros(self.colors.shape[:2], np.uint8)
        self.painted = np.zeros(256, np.int64)

    def fill(self, polygons: Sequence[np.ndarray], surface: Surface | Color, identity: int) -> None:
        """Paint the union of convex polygons, and write 1 to 255 into the identity buffer."""
        region, mask = self._mask(polygons)
        if mask is None:
            return
        covered, ids = mask.view(bool), self.ids[region]
        if callable(surface):
            y, x = (_to_pixels(np.arange(part.start, part.stop, dtype=np.float32))
                    for part in region)
            cv2.copyTo(surface(x[None], y[:, None]), mask, self.colors[region])
        else:
            self.colors[region][covered] = np.clip(surface, 0, 255)
        self.painted[identity] += np.count_nonzero(covered & (ids != identity))
        ids[covered] = identity

    def darken(self, polygon: np.ndarray, factor: float) -> None:
        """Multiply the colors under a convex polygon by a factor; identities stay."""
        region, mask = self._mask([polygon])
        if mask is not None:
            colors = self.colors[region]
            cv2.copyTo(cv2.convertScaleAbs(colors, alpha=factor), mask, colors)

    def identity_at(self, xy: np.ndarray) -> int:
        """Return the identity in front at a point in pixels; -1 outside the picture."""
        column, row = np.floor(_to_samples(xy[:2]) + 0.5).astype(int)
        height, width = self.ids.shape
        return int(self.ids[row, column]) if 0 <= row < height and 0 <= column < width else -1

    def finish(self) -> np.ndarray:
        """Return the (h, w, 3) uint8 BGR picture."""
        return cv2.resize(self.colors, (self.width, self.height), interpolation=cv2.INTER_AREA)

    def _mask(self, polygons: Sequence[np.ndarray]) -> tuple[
            tuple[slice, slice], np.ndarray | None]:
        """Return a region of the samples and the uint8 mask of polygons in it, if any."""
        corners = [_to_samples(polygon) for polygon in polygons]
        every = np.concatenate(corners)
        x0, y0 = np.maximum(np.floor(every.min(0)).astype(int) - 1, 0)
        x1, y1 = np.minimum(np.ceil(every.max(0)).astype(int) + 2, self.ids.shape[::-1])
        region = slice(y0, y1), slice(x0, x1)
        if x0 >= x1 or y0 >= y1:
            return region, None
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        for polygon in corners:
            cv2.fillConvexPoly(mask, fixed_point(polygon - (x0, y0)), 1, cv2.LINE_8, FRACTION_BITS)
        return region, mask


# In pixels and in samples, the center of the first one is 0.
def _to_samples(xy: np.ndarray | Sequence[float]) -> np.ndarray:
    return (np.asarray(xy, np.float64) + 0.5) * SUPERSAMPLING - 0.5


def _to_pixels(xy: np.ndarray) -> np.ndarray:
    return (xy + np.float32(0.5)) / SUPERSAMPLING - np.float32(0.5)
