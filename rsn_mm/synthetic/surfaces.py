"""How painted parts look: rounded limbs and heads in the light, and cloth with a pattern."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .canvas import Color, Light, tone_index, tones

#: Position across and along a part, both in parts of the stature -> bool, or None for plain.
Pattern = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _stripes_along(across, along, period):
    return (np.floor(across / period) % 2).astype(bool) | np.zeros_like(along, bool)


def _stripes_across(across, along, period):
    return (np.floor(along / period) % 2).astype(bool) | np.zeros_like(across, bool)


def _checks(across, along, period):
    return ((np.floor(across / period) + np.floor(along / period)) % 2).astype(bool)


def _dots(across, along, period):
    u, v = across / period % 1 - 0.5, along / period % 1 - 0.5
    return u * u + v * v < 0.07


def _halves(across, along, period):
    return (along > 3.5 * period) | np.zeros_like(across, bool)


PATTERNS: dict[str, Pattern] = dict(
    stripes_along=_stripes_along, stripes_across=_stripes_across, checks=_checks, dots=_dots,
    halves=_halves)


@dataclass(frozen=True)
class Cloth:
    """A color, or two colors and a pattern.

    Args:
        color: Blue, green, red.
        second: Second color of the pattern.
        pattern: Name in ``PATTERNS``, or ``None`` for plain.
        period: Width of a stripe in parts of the stature.
    """

    color: Color
    second: Color = (0, 0, 0)
    pattern: str | None = None
    period: float = 0.03
    table: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        tables = [tones(self.color)] + ([tones(self.second)] if self.pattern else [])
        object.__setattr__(self, 'table', np.concatenate(tables))

    def __call__(self, brightness: np.ndarray, across, along) -> np.ndarray:
        """Return (h, w, 3) uint8 BGR at a brightness of 0..1."""
        index = tone_index(brightness)
        if self.pattern:
            index = index.astype(np.int32)
            index[PATTERNS[self.pattern](across, along, self.period)] += 256
        return self.table.take(index, axis=0)


def limb_surface(start, end, radius_start: float, radius_end: float, cloth: Cloth, light: Light,
                 stature: float):
    """Return the surface of a tapered capsule between two points in the camera frame.

    Args:
        start: (3,) pixels.
        end: (3,) pixels.
        radius_start: Pixels.
        radius_end: Pixels.
        cloth: Its colors.
        light: What falls on it.
        stature: Pixels per unit of the pattern.
    """
    axis = np.asarray(end - start, np.float64)
    flat = float(np.hypot(axis[0], axis[1]))
    length = max(float(np.linalg.norm(axis)), 1e-6)
    dx, dy = (axis[:2] / flat) if flat > 1e-6 else (0.0, 1.0)
    x0, y0, dx, dy = (np.float32(v) for v in (start[0], start[1], dx, dy))
    slope = np.float32(axis[2] / length)
    reach = np.float32(max(flat, 1.0))

    def surface(xs, ys):
        along = (xs - x0) * dx + (ys - y0) * dy
        across = (ys - y0) * dx - (xs - x0) * dy
        part = np.clip(along / reach, 0, 1)
        u = np.clip(across / (radius_start + (radius_end - radius_start) * part), -0.98, 0.98)
        up = np.sqrt(1 - u * u)
        # A limb that points at the camera shows its side tilted: its normal leans along it.
        lean = -slope * up
        brightness = light.shade(-u * dy + lean * dx, u * dx + lean * dy,
                                 up * np.sqrt(1 - slope * slope))
        return cloth(brightness * (0.6 + 0.4 * up), across / stature, along / stature)

    return surface


@dataclass(frozen=True)
class HeadCover:
    """What lies on the head; heights in half head heights, positive down.

    Args:
        skin: Color of the face.
        hair: Color of the hair.
        hairline: Height of the hair over the forehead; -1 or less is bald.
        nape: Height where the hair ends at the back.
        hat: Color of a hat, or ``None``.
        beard: Whether the hair color covers the chin.
    """

    skin: Color
    hair: Color
    hairline: float = -0.5
    nape: float = 0.45
    hat: Color | None = None
    beard: bool = False


def head_surface(center, rotation: np.ndarray, half_axes, cover: HeadCover, light: Light):
    """Return the surface of an ellipsoid head, by casting a ray through every sample.

    Args:
        center: (3,) pixels.
        rotation: (3, 3) from the head's frame to the camera's.
        half_axes: (3,) half width, half height, half depth in pixels.
        cover: Skin, hair and hat.
        light: What falls on it.
    """
    colors = [cover.skin, cover.hair] + ([] if cover.hat is None else [cover.hat])
    table = np.concatenate([tones(color) for color in colors])
    to_unit = (rotation / np.asarray(half_axes)).T.astype(np.float32)  # camera -> unit sphere
    normal = (rotation / np.asarray(half_axes)).astype(np.float32)
    toward = to_unit[:, 2]
    square = float(toward @ toward)
    cx, cy = np.float32(center[0]), np.float32(center[1])

    def surface(xs, ys):
        x, y = xs - cx, ys - cy
        flat = [row[0] * x + row[1] * y for row in to_unit]
        along = sum(f * t for f, t in zip(flat, toward, strict=True))
        rest = sum(f * f for f in flat) - 1
        depth = (np.sqrt(np.maximum(along * along - square * rest, 0)) - along) / square
        qx, qy, qz = (f + t * depth for f, t in zip(flat, toward, strict=True))
        nx, ny, nz = (row[0] * qx + row[1] * qy + row[2] * qz for row in normal)
        size = np.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(1e-6)
        shade = tone_index(light.shade(nx / size, ny / size, nz / size)).astype(np.int32)
        # The hair ends high over the face, low at the back, and in between at the ears.
        front = np.clip(qz * 1.25 + 0.35, 0, 1)
        edge = cover.nape + (cover.hairline - cover.nape) * front - 0.12 * front * (1 - qx * qx)
        hair = qy < edge
        if cover.beard:
            hair = hair | ((qy > 0.48 + 0.1 * np.abs(qx)) & (qz > -0.1) | (qy > 0.62))
        index = shade + 256 * hair
        if cover.hat is not None:
            index = np.where(qy < -0.38 - 0.08 * qz, shade + 512, index)
        return table.take(index, axis=0)

    return surface


def head_ellipse(center, rotation: np.ndarray, half_axes) -> np.ndarray:
    """Return the (32, 2) outline in pixels of an ellipsoid, seen from the camera."""
    shape = (rotation * np.asarray(half_axes))[:2]
    values, vectors = np.linalg.eigh(shape @ shape.T)
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    unit = np.stack([np.cos(angle), np.sin(angle)])
    return (np.asarray(center)[:2, None] + vectors @ (np.sqrt(values)[:, None] * unit)).T
