"""A picture and its identity buffer, painted back to front by the same masks.

Whatever is painted writes its color and its identity through one mask, so that the buffer tells
for every sample of the picture what is in front there. Both are supersampled; the colors are
averaged when the picture is finished, the identities never.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

#: Samples per pixel along each axis.
SUPERSAMPLING = 2
_SHIFT = 4  #: fractional bits of the polygon corners given to OpenCV

#: Position of a sample in pixels, (1, w) and (h, 1) -> (h, w, 3) uint8 BGR.
Surface = Callable[[np.ndarray, np.ndarray], np.ndarray]
Color = Sequence[float]  #: blue, green, red, 0..255


@dataclass(frozen=True)
class Light:
    """A lamp far away, and the light from everywhere.

    Args:
        direction: (3,) unit vector towards the lamp in the camera frame.
        ambient: Share of the light that comes from everywhere.
    """

    direction: np.ndarray
    ambient: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> 'Light':
        direction = np.array([rng.uniform(-0.9, 0.9), rng.uniform(-0.9, 0.2),
                              rng.uniform(0.5, 1.0)])
        return cls(direction / np.linalg.norm(direction), float(rng.uniform(0.45, 0.7)))

    def shade(self, normal_x, normal_y, normal_z) -> np.ndarray:
        """Return the brightness 0..1 of surfaces with these normals (float32, any shape)."""
        x, y, z = self.direction.astype(np.float32)
        lit = np.maximum(normal_x * x + normal_y * y + normal_z * z, np.float32(0))
        return self.ambient + (1 - self.ambient) * lit


def tones(color: Color) -> np.ndarray:
    """Return the (256, 3) uint8 BGR of a color at brightness 0..1; shadows turn bluish."""
    level = np.linspace(0, 1.12, 256, dtype=np.float32)[:, None]
    shadow = np.array([14, 4, 0], np.float32)
    return np.clip(np.asarray(color, np.float32) * level + shadow * (1 - level), 0, 255).astype(
        np.uint8)


def tone_index(brightness: np.ndarray) -> np.ndarray:
    """Return the rows of :func:`tones` for a brightness of 0..1."""
    return np.clip(brightness * 255, 0, 255).astype(np.uint8)


class Canvas:
    """A picture being painted.

    Args:
        backdrop: (h, w, 3) uint8 BGR, what is behind everything; its identity is 0.

    Attributes:
        colors: (h * S, w * S, 3) uint8 BGR, with S = ``SUPERSAMPLING``.
        ids: (h * S, w * S) uint8, identity of what is in front.
        painted: (256,) samples ever painted with each identity, covered since or not.
    """

    def __init__(self, backdrop: np.ndarray):
        self.height, self.width = backdrop.shape[:2]
        self.colors = cv2.resize(backdrop, None, fx=SUPERSAMPLING, fy=SUPERSAMPLING,
                                  interpolation=cv2.INTER_LINEAR)
        self.ids = np.zeros(self.colors.shape[:2], np.uint8)
        self.painted = np.zeros(256, np.int64)

    def fill(self, polygons: Sequence[np.ndarray], surface: Surface | Color, identity: int):
        """Paint the union of convex polygons.

        Args:
            polygons: (n, 2) corners x and y in pixels each; pixel centers are whole numbers.
            surface: A function of the position, or one color.
            identity: 1..255, written into the buffer.
        """
        corners = [to_samples(polygon) for polygon in polygons]
        everything = np.concatenate(corners)
        x0, y0 = np.maximum(np.floor(everything.min(0)).astype(int) - 1, 0)
        x1, y1 = np.minimum(np.ceil(everything.max(0)).astype(int) + 2, self.ids.shape[::-1])
        if x0 >= x1 or y0 >= y1:
            return
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        for corner in corners:
            cv2.fillConvexPoly(mask, fixed_point(corner - (x0, y0)), 1, cv2.LINE_8, _SHIFT)
        if callable(surface):
            xs = from_samples(np.arange(x0, x1, dtype=np.float32))[None]
            ys = from_samples(np.arange(y0, y1, dtype=np.float32))[:, None]
            cv2.copyTo(surface(xs, ys), mask, self.colors[y0:y1, x0:x1])
        else:
            self.colors[y0:y1, x0:x1][mask.view(bool)] = np.clip(surface, 0, 255)
        ids = self.ids[y0:y1, x0:x1]
        self.painted[identity] += np.count_nonzero(mask.view(bool) & (ids != identity))
        ids[mask.view(bool)] = identity

    def darken(self, polygon: np.ndarray, factor: float):
        """Multiply the picture under a convex polygon by a factor; identities stay."""
        corner = to_samples(polygon)
        x0, y0 = np.maximum(np.floor(corner.min(0)).astype(int) - 1, 0)
        x1, y1 = np.minimum(np.ceil(corner.max(0)).astype(int) + 2, self.ids.shape[::-1])
        if x0 >= x1 or y0 >= y1:
            return
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillConvexPoly(mask, fixed_point(corner - (x0, y0)), 1, cv2.LINE_8, _SHIFT)
        region = self.colors[y0:y1, x0:x1]
        cv2.copyTo(cv2.convertScaleAbs(region, alpha=factor), mask, region)

    def ids_at(self, xy: np.ndarray) -> int:
        """Return the identity in front at a point in pixels; -1 outside the picture."""
        column, row = np.floor(to_samples(np.asarray(xy)[:2]) + 0.5).astype(int)
        height, width = self.ids.shape
        return int(self.ids[row, column]) if 0 <= row < height and 0 <= column < width else -1

    def finish(self) -> np.ndarray:
        """Return the (h, w, 3) uint8 BGR picture."""
        return cv2.resize(self.colors, (self.width, self.height), interpolation=cv2.INTER_AREA)


def to_samples(xy):
    """Turn pixels into samples; in both, the center of the first one is 0."""
    return (np.asarray(xy, np.float64) + 0.5) * SUPERSAMPLING - 0.5


def from_samples(xy):
    """Turn samples into pixels, the inverse of :func:`to_samples`."""
    return (xy + np.float32(0.5)) / SUPERSAMPLING - np.float32(0.5)


def fixed_point(xy: np.ndarray) -> np.ndarray:
    """Return corners as the fixed-point integers that OpenCV's polygons take."""
    return np.round(xy * (1 << _SHIFT)).astype(np.int32)


_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 20, endpoint=False)),
                    np.sin(np.linspace(0, 2 * np.pi, 20, endpoint=False))], axis=1)


def hull(centers: Sequence[np.ndarray], radii: Sequence[float]) -> np.ndarray:
    """Return the (n, 2) convex hull of circles given in pixels."""
    points = np.concatenate([np.asarray(c)[:2] + r * _CIRCLE
                             for c, r in zip(centers, radii, strict=True)])
    return cv2.convexHull(points.astype(np.float32))[:, 0]


def ellipse(center: Sequence[float], axes: Sequence[float], degrees: float = 0.0) -> np.ndarray:
    """Return an ellipse as a (20, 2) polygon in pixels."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.asarray(center)[:2] + (_CIRCLE * axes) @ np.array([[c, s], [-s, c]])


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Return an upright rectangle as a (4, 2) polygon."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)
