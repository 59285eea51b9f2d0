"""Things that stand among the people and hide parts of them."""

import numpy as np

from .canvas import Canvas, Light, ellipse, hull, rectangle
from .surfaces import Cloth, limb_surface

#: What every thing writes into the identity buffer.
THING = 1


def _color(rng: np.random.Generator) -> np.ndarray:
    return np.clip(rng.uniform(40, 210) + rng.uniform(-60, 60, 3), 0, 255)


def paint_seat(canvas: Canvas, rng: np.random.Generator, light: Light, hip: np.ndarray,
               ground: float, stature: float):
    """Paint a stool or a box under somebody who sits.

    Args:
        canvas: Where to.
        rng: Source of its kind and color.
        light: What falls on it.
        hip: (3,) place of the pelvis in pixels.
        ground: Height of the floor in pixels.
        stature: Size of the person in pixels.
    """
    x, top = float(hip[0]), float(hip[1]) + 0.06 * stature
    half, cloth = 0.13 * stature, Cloth(_color(rng))
    low = max(ground, top + 0.1 * stature)
    if rng.random() < 0.5:
        _upright(canvas, rectangle(x - half, top, x + half, low), cloth, light)
    else:
        for sign in (-1, 1):
            leg = x + sign * half * 0.75
            _upright(canvas, rectangle(leg - 2, top, leg + 2, low), cloth, light)
    seat = ellipse((x, top), (half * 1.1, 0.045 * stature))
    canvas.fill([seat], np.minimum(cloth.table[235].astype(float) * 1.05, 255), THING)


def paint_obstacle(canvas: Canvas, rng: np.random.Generator, light: Light, x: float, ground: float,
                   stature: float):
    """Paint a thing in front of people: a box, a bush, a pole, a table, a fence or a ball.

    Args:
        canvas: Where to.
        rng: Source of its kind, size and color.
        light: What falls on it.
        x: Place of its middle in pixels.
        ground: Height of the floor in pixels.
        stature: Size of a person at this place in pixels.
    """
    kind, cloth = rng.integers(6), Cloth(_color(rng))
    tall = float(rng.uniform(0.16, 0.42)) * stature
    half = float(rng.uniform(0.08, 0.2)) * stature
    if kind == 0:
        _upright(canvas, rectangle(x - half, ground - tall, x + half, ground), cloth, light)
        lid = np.minimum(np.asarray(cloth.color) * 1.15, 255)
        canvas.fill([rectangle(x - half, ground - tall, x + half, ground - tall + 3)], lid, THING)
    elif kind == 1:
        green = (rng.uniform(30, 80), rng.uniform(90, 160), rng.uniform(40, 110))
        for _ in range(9):
            leaf = (x + rng.uniform(-half, half), ground - tall * rng.uniform(0.15, 0.9))
            canvas.fill([ellipse(leaf, rng.uniform(0.25, 0.5, 2) * half)],
                        np.asarray(green) * rng.uniform(0.75, 1.2), THING)
    elif kind == 2:
        thick = float(rng.uniform(0.012, 0.028)) * stature
        _upright(canvas, rectangle(x - thick, ground - rng.uniform(0.7, 1.5) * stature, x + thick,
                                   ground), cloth, light)
    elif kind == 3:
        board = np.minimum(np.asarray(cloth.color) * 1.1, 255)
        for sign in (-1, 1):
            leg = x + sign * half * 1.3
            _upright(canvas, rectangle(leg - 2, ground - tall, leg + 2, ground), cloth, light)
        canvas.fill([rectangle(x - half * 1.6, ground - tall - 2, x + half * 1.6,
                               ground - tall + 0.04 * stature)], board, THING)
    elif kind == 4:
        for level in (0.45, 0.95):
            y = ground - tall * level
            canvas.fill([rectangle(x - 2 * half, y, x + 2 * half, y + 0.03 * stature)],
                        cloth.color, THING)
        for post in np.linspace(-1.8, 1.8, 4):
            _upright(canvas, rectangle(x + post * half - 2, ground - tall * 1.1,
                                       x + post * half + 2, ground), cloth, light)
    else:
        radius = half * 0.8
        center = np.array([x, ground - radius, 0.0])
        canvas.fill([hull([center], [radius])],
                    limb_surface(center - (0, 1, 0), center + (0, 1, 0), radius, radius, cloth,
                                 light, stature), THING)


def _upright(canvas: Canvas, polygon: np.ndarray, cloth: Cloth, light: Light):
    """Paint a rectangle that is lit like a wide cylinder."""
    (x0, y0), (x1, y1) = polygon.min(0), polygon.max(0)
    middle, radius = (x0 + x1) / 2, (x1 - x0) * 0.75
    canvas.fill([polygon], limb_surface(np.array([middle, y0, 0]), np.array([middle, y1, 0]),
                                        radius, radius, cloth, light, y1 - y0 + 1), THING)
