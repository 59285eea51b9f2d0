"""Things that stand among the people and hide parts of them."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from .canvas import ellipse, hull, rectangle
from .surfaces import Brush, Cloth, muted_color

#: The one part of every thing, and its value in the identity buffer.
THING = 'thing'
THING_IDS = {THING: 1}

OBSTACLES = ('box', 'bush', 'pole', 'table', 'fence', 'ball')
#: Half the width of a post in pixels.
POST = 2
#: Row of the table of tones of the top of a seat, in the light.
SEAT_TONE = 235


def paint_seat(brush: Brush, rng: Generator, hip: np.ndarray, ground: float) -> None:
    """Paint a stool or a box under somebody, from the pelvis (3,) to the floor, in pixels."""
    size = brush.stature
    x, top = float(hip[0]), float(hip[1]) + 0.06 * size
    half, cloth = 0.13 * size, _draw_cloth(rng)
    low = max(ground, top + 0.1 * size)
    if rng.random() < 0.5:
        _uprights(brush, [x], half, top, low, cloth)
    else:
        _uprights(brush, [x - half * 0.75, x + half * 0.75], POST, top, low, cloth)
    brush.fill(THING, ellipse((x, top), (half * 1.1, 0.045 * size)), cloth.table[SEAT_TONE] * 1.05)


def paint_obstacle(brush: Brush, rng: Generator, x: float, ground: float) -> None:
    """Paint one of ``OBSTACLES`` with its middle at ``x`` on a floor at ``ground``, in pixels."""
    kind, cloth = OBSTACLES[rng.integers(len(OBSTACLES))], _draw_cloth(rng)
    size, color = brush.stature, np.asarray(cloth.color)
    tall, half = rng.uniform(0.16, 0.42) * size, rng.uniform(0.08, 0.2) * size
    top = ground - tall
    if kind == 'box':
        _uprights(brush, [x], half, top, ground, cloth)
        brush.fill(THING, rectangle(x - half, top, x + half, top + 3), color * 1.15)
    elif kind == 'bush':
        green = rng.uniform((30, 90, 40), (80, 160, 110))
        for _ in range(9):
            leaf = (x + rng.uniform(-half, half), ground - tall * rng.uniform(0.15, 0.9))
            brush.fill(THING, ellipse(leaf, rng.uniform(0.25, 0.5, 2) * half),
                       green * rng.uniform(0.75, 1.2))
    elif kind == 'pole':
        thick = rng.uniform(0.012, 0.028) * size
        _uprights(brush, [x], thick, ground - rng.uniform(0.7, 1.5) * size, ground, cloth)
    elif kind == 'table':
        _uprights(brush, [x - half * 1.3, x + half * 1.3], POST, top, ground, cloth)
        board = rectangle(x - half * 1.6, top - 2, x + half * 1.6, top + 0.04 * size)
        brush.fill(THING, board, color * 1.1)
    elif kind == 'fence':
        for y in (ground - tall * 0.45, ground - tall * 0.95):
            brush.fill(THING, rectangle(x - 2 * half, y, x + 2 * half, y + 0.03 * size), color)
        _uprights(brush, [x + place * half for place in (-1.8, -0.6, 0.6, 1.8)], POST,
                  ground - tall * 1.1, ground, cloth)
    else:
        radius = half * 0.8
        center, down = np.array([x, ground - radius, 0.0]), np.array([0.0, 1.0, 0.0])
        brush.rounded(THING, [hull([center], [radius])], (center - down, center + down),
                      (radius, radius), cloth)


def _uprights(brush: Brush, middles: Sequence[float], half: float, top: float, low: float,
              cloth: Cloth) -> None:
    """Paint upright rectangles that are lit like wide cylinders."""
    for x in middles:
        ends = np.array([x, top, 0]), np.array([x, low, 0])
        brush.rounded(THING, [rectangle(x - half, top, x + half, low)], ends,
                      (half * 1.5, half * 1.5), cloth)


def _draw_cloth(rng: Generator) -> Cloth:
    return Cloth(muted_color(rng, 40, 210, spread=60))
