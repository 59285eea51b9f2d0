"""Paints heads: hair and skin, and the features that are on the side that is seen."""

import numpy as np

from .body import SIDES, SIGNS
from .canvas import Color, Surface, ellipse, hull
from .figure import Figure
from .head import FACE, FACING, Head, Place
from .surfaces import TONES, Brush, Cloth, Light, tone_rows, tones
from .wardrobe import HeadLook, Outfit

WHITE, PUPIL, GLASSES = (238, 240, 242), (30, 24, 20), (25, 25, 25)

#: Strokes through places of the head. Those of an eye are given for the left one.
BROW = ((0.56, -0.33, 0.77), (0.18, -0.35, 0.93))
FRAME = (((0.6, -0.28, 0.8), (0.6, 0.08, 0.8)), ((0.15, -0.28, 0.99), (0.15, 0.08, 0.99)),
         ((0.15, 0.08, 0.99), (0.6, 0.08, 0.8)), ((0.15, -0.28, 0.95), (0.6, -0.28, 0.75)))
NOSE, NOSTRILS = ((0, -0.08, 0.98), FACE['nose']), ((0, 0.2, 1.07),)
MOUTH = ((-0.26, 0.52, 0.82), (0, 0.56, 0.85), (0.26, 0.52, 0.82))
VISOR = ((-0.6, -0.42, 0.75), (0, -0.45, 1.3), (0.6, -0.42, 0.75))
#: Places that decide whether mouth and visor are seen; a visor stands out in profile.
MOUTH_PLACE, VISOR_PLACE, VISOR_FACING = (0, 0.5, 0.85), (0, -0.4, 0.9), -0.2


def paint_head(brush: Brush, figure: Figure, outfit: Outfit) -> None:
    """Paint a head: the far ear, the head over it, and the near ear over the head."""
    head = figure.head
    for side in SIDES:
        if head.nearness(f'{side}_ear') < 0:
            _ear(brush, head, outfit, f'{side}_ear')
    surface = _head_surface(head, outfit.skin.color, outfit.head, brush.light)
    brush.fill('head', head.outline(), surface)
    _features(brush, head, outfit)
    for side in SIDES:
        if head.nearness(f'{side}_ear') >= 0:
            _ear(brush, head, outfit, f'{side}_ear')


def _head_surface(head: Head, skin: Color, look: HeadLook, light: Light) -> Surface:
    """Return the surface of a head in pixels, by casting a ray through every sample."""
    table = tones(skin, look.hair, skin if look.hat is None else look.hat)
    normal = (head.rotation / head.half_axes).astype(np.float32)
    to_unit = normal.T  # from the frame of the camera to a unit sphere
    toward = to_unit[:, 2]
    square = float(toward @ toward)
    center_x, center_y, _ = (np.float32(v) for v in head.center)

    def surface(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        flat = [row[0] * (x - center_x) + row[1] * (y - center_y) for row in to_unit]
        along = sum(f * t for f, t in zip(flat, toward, strict=True))
        rest = sum(f * f for f in flat) - 1
        depth = (np.sqrt(np.maximum(along * along - square * rest, 0)) - along) / square
        qx, qy, qz = (f + t * depth for f, t in zip(flat, toward, strict=True))
        nx, ny, nz = (row[0] * qx + row[1] * qy + row[2] * qz for row in normal)
        size = np.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(1e-6)
        rows = tone_rows(light.shade(nx / size, ny / size, nz / size))
        # The hair ends high over the face, low at the back, and in between at the ears.
        front = np.clip(qz * 1.25 + 0.35, 0, 1)
        edge = look.nape + (look.hairline - look.nape) * front - 0.12 * front * (1 - qx * qx)
        hair = qy < edge
        if look.beard:
            hair |= (qy > 0.48 + 0.1 * np.abs(qx)) & (qz > -0.1) | (qy > 0.62)
        material = hair.astype(np.int32)
        if look.hat is not None:
            material[qy < -0.38 - 0.08 * qz] = 2
        return table.take(rows + TONES * material, axis=0)

    return surface


def _features(brush: Brush, head: Head, outfit: Outfit) -> None:
    tall, look, skin = head.half_axes[1], outfit.head, np.asarray(outfit.skin.color)

    def stroke(places: tuple[Place, ...], radius: float, color: Color, sign: float = 1.0) -> None:
        points = [head.at((x * sign, y, z)) for x, y, z in places]
        brush.fill('head', hull(points, [radius * tall] * len(points)), color)

    for side, sign in SIGNS.items():
        if not head.shows(f'{side}_eye'):
            continue
        place = FACE[f'{side}_eye']
        center, squeeze = head.at(place), max(head.facing(place), 0.3)
        brush.fill('head', ellipse(center, (0.2 * tall * squeeze, 0.15 * tall)), WHITE)
        brush.fill('head', ellipse(center, (0.11 * tall * max(squeeze, 0.6), 0.13 * tall)), PUPIL)
        stroke(BROW, 0.035, np.asarray(look.hair) * 0.8, sign)
        if outfit.glasses:
            for edge in FRAME:
                stroke(edge, 0.025, GLASSES, sign)
    if head.facing(MOUTH_PLACE) > FACING:
        stroke(MOUTH, 0.03, skin * (0.5, 0.5, 0.75))
    if head.shows('nose'):
        stroke(NOSE, 0.06, skin * 0.93)
        stroke(NOSTRILS, 0.085, skin * 0.86)
    if look.hat is not None and head.facing(VISOR_PLACE) > VISOR_FACING:
        stroke(VISOR, 0.05, np.asarray(look.hat) * 0.8)


def _ear(brush: Brush, head: Head, outfit: Outfit, ear: str) -> None:
    if not head.shows(ear):
        return
    tall, center, skin = head.half_axes[1], head.at(FACE[ear]), np.asarray(outfit.skin.color)
    sideways = abs(head.facing((1, 0, 0)))
    brush.fill(ear, ellipse(center, ((0.1 + 0.11 * sideways) * tall, 0.21 * tall)), skin * 0.9)
    if sideways > 0.5:
        brush.fill(ear, ellipse(center, (0.09 * tall, 0.11 * tall)), skin * 0.72)


def paint_hair(brush: Brush, figure: Figure, outfit: Outfit) -> None:
    """Paint the hair that hangs down behind the head."""
    head, wide = figure.head, figure.head.half_axes[0]
    top, low = head.at((0, -0.1, -0.3)), head.at((0, 0.5, -0.55))
    low = low + np.array([0, outfit.long_hair * brush.stature, 0])
    half = 0.45 * wide * head.rotation[:, 0]
    polygon = hull([top, low - half, low + half], [wide * 1.05, wide * 0.6, wide * 0.6])
    brush.rounded('hair', [polygon], (top, low), (wide * 1.3, wide * 1.3), Cloth(outfit.head.hair))
