"""How painted shapes look: the light, the tones of colors in it, cloth, and rounded shapes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from .canvas import Canvas, Color, Surface, hull

#: Rows of a table of tones, from brightness 0 to 1.
TONES = 256
#: The brightest tone in parts of the color, and what is left of every color in the dark.
HIGHLIGHT, SHADOW = 1.12, (14, 4, 0)

Ends = Sequence[np.ndarray]  #: two (3,) points in the frame of the camera, in pixels
Radii = Sequence[float]  #: two radii, one at each end

#: Position across and along a part, and width of a stripe -> where the second color is.
PATTERNS: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = dict(
    stripes_along=lambda across, along, width: np.floor(across / width) % 2 > 0,
    stripes_across=lambda across, along, width: np.floor(along / width) % 2 > 0,
    checks=lambda across, along, width: (
        (np.floor(across / width) + np.floor(along / width)) % 2 > 0),
    dots=lambda across, along, width: (
        (across / width % 1 - 0.5)**2 + (along / width % 1 - 0.5)**2 < 0.07),
    halves=lambda across, along, width: along > 3.5 * width)


def muted_color(rng: Generator, low: float, high: float, spread: float) -> np.ndarray:
    """Draw a rather gray color: each channel is within ``spread`` of a brightness."""
    return np.clip(rng.uniform(low, high) + rng.uniform(-spread, spread, 3), 0, 255)


def tones(*colors: Color) -> np.ndarray:
    """Return the (n * ``TONES``, 3) uint8 BGR of n colors at brightness 0 to 1."""
    level = np.linspace(0, HIGHLIGHT, TONES, dtype=np.float32)[:, None]
    shadow = np.array(SHADOW, np.float32) * (1 - level)
    tables = [np.asarray(color, np.float32) * level + shadow for color in colors]
    return np.clip(np.concatenate(tables), 0, 255).astype(np.uint8)


def tone_rows(brightness: np.ndarray) -> np.ndarray:
    """Return the uint8 rows of the first color of :func:`tones` for a brightness of 0 to 1."""
    return np.clip(brightness * (TONES - 1), 0, TONES - 1).astype(np.uint8)


@dataclass(frozen=True)
class Light:
    """A lamp far away, and the light from everywhere."""

    direction: np.ndarray  #: (3,) unit vector towards the lamp in the frame of the camera
    ambient: float  #: share of the light that comes from everywhere

    @classmethod
    def sample(cls, rng: Generator) -> 'Light':
        """Draw a lamp in front of the people, rather high, on any side."""
        direction = rng.uniform((-0.9, -0.9, 0.5), (0.9, 0.2, 1.0))
        return cls(direction / np.linalg.norm(direction), rng.uniform(0.45, 0.7))

    def shade(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the brightness 0 to 1 of surfaces with normals of these float32 components."""
        to_x, to_y, to_z = self.direction.astype(np.float32)
        lit = np.maximum(x * to_x + y * to_y + z * to_z, np.float32(0))
        return self.ambient + (1 - self.ambient) * lit


@dataclass(frozen=True)
class Cloth:
    """A color, or two colors and a pattern."""

    color: Color
    second: Color = (0, 0, 0)
    pattern: str | None = None  #: name in ``PATTERNS``, or ``None`` for plain cloth
    width: float = 0.03  #: width of a stripe in parts of the stature
    table: np.ndarray = field(init=False, repr=False, compare=False)  #: tones of its colors

    def __post_init__(self):
        colors = [self.color, self.second] if self.pattern else [self.color]
        object.__setattr__(self, 'table', tones(*colors))

    def rounded(self, ends: Ends, radii: Radii, light: Light, stature: float) -> Surface:
        """Return the surface of a tapered capsule; radii and stature are in pixels."""
        start, end = ends
        axis = np.asarray(end - start, np.float64)
        flat = float(np.hypot(axis[0], axis[1]))
        length = max(float(np.linalg.norm(axis)), 1e-6)
        dx, dy = (axis[:2] / flat) if flat > 1e-6 else (0.0, 1.0)
        x0, y0, dx, dy = (np.float32(v) for v in (start[0], start[1], dx, dy))
        slope = np.float32(axis[2] / length)
        reach = np.float32(max(flat, 1.0))

        def surface(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            along = (x - x0) * dx + (y - y0) * dy
            across = (y - y0) * dx - (x - x0) * dy
            radius = radii[0] + (radii[1] - radii[0]) * np.clip(along / reach, 0, 1)
            u = np.clip(across / radius, -0.98, 0.98)
            up = np.sqrt(1 - u * u)
            # Where a limb points at the camera, its side is seen tilted: the normal leans along.
            lean = -slope * up
            brightness = light.shade(-u * dy + lean * dx, u * dx + lean * dy,
                                     up * np.sqrt(1 - slope * slope))
            rows = tone_rows(brightness * (0.6 + 0.4 * up))
            if self.pattern:
                second = PATTERNS[self.pattern](across / stature, along / stature, self.width)
                rows = rows + TONES * second.astype(np.int32)
            return self.table.take(rows, axis=0)

        return surface


@dataclass(frozen=True)
class Brush:
    """Paints the parts of one person, or a thing, in the light of a scene."""

    canvas: Canvas
    light: Light
    stature: float  #: of the person, or of people beside the thing, in pixels
    identities: Mapping[str, int]  #: part -> its value in the identity buffer

    def fill(self, part: str, polygon: np.ndarray, surface: Surface | Color) -> None:
        """Paint a convex polygon."""
        self.canvas.fill([polygon], surface, self.identities[part])

    def rounded(self, part: str, polygons: Sequence[np.ndarray], ends: Ends, radii: Radii,
                cloth: Cloth) -> None:
        """Paint convex polygons that look like one tapered capsule with radii in pixels."""
        surface = cloth.rounded(ends, radii, self.light, self.stature)
        self.canvas.fill(polygons, surface, self.identities[part])

    def capsule(self, part: str, ends: Ends, radii: Radii, cloth: Cloth) -> None:
        """Paint a tapered capsule with radii in parts of the stature."""
        pixels = radii[0] * self.stature, radii[1] * self.stature
        self.rounded(part, [hull(ends, pixels)], ends, pixels, cloth)
