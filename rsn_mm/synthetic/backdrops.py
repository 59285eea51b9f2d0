"""What is behind the people: rooms, streets and plain studios, with clutter.

A picture is (h, w, 3) uint8 BGR, and painted in place where a function takes one.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from .canvas import FRACTION_BITS, Color, ellipse, fixed_point, rectangle
from .surfaces import muted_color

#: Brightness of haze.
HAZE = 165
WALLS = ('wallpaper', 'bricks', 'tiles', 'plain', 'plain')


def sample_backdrop(rng: Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Return a picture of one of the kinds, with a texture and haze over it."""
    picture = BACKDROPS[rng.choice(len(BACKDROPS), p=BACKDROP_WEIGHTS)](rng, size_wh)
    _texture(rng, picture, rng.uniform(2, 9))
    # What is far away is hazy: all of it moves towards one brightness.
    haze = rng.uniform(0.1, 0.5)
    return cv2.addWeighted(picture, 1 - haze, np.full_like(picture, HAZE), haze, 0)


def room(rng: Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Return a picture of a wall with things on it, and a floor."""
    width, height = size_wh
    edge = int(height * rng.uniform(0.5, 0.72))
    picture = _gradient(rng, size_wh, _color(rng, 70, 235), 26)
    _wall_pattern(rng, picture[:edge])
    for _ in range(rng.integers(1, 5)):
        paint = (_window, _painting, _shelf)[rng.integers(3)]
        w, h = width * rng.uniform(0.1, 0.26), height * rng.uniform(0.14, 0.34)
        paint(rng, picture, rng.uniform(-0.05, 0.9) * width, rng.uniform(0.03, 0.32) * height, w, h)
    picture[edge:] = _gradient(rng, (width, height - edge), _color(rng, 50, 190), 30)
    _floor_boards(rng, picture[edge:])
    _box(picture, 0, edge - 3, width, edge, _color(rng, 50, 230))  # skirting board
    for _ in range(rng.integers(0, 3)):  # cupboards with three doors
        x, w = rng.uniform(-0.1, 0.9) * width, rng.uniform(0.15, 0.4) * width
        h, wood = rng.uniform(0.12, 0.3) * height, _color(rng, 40, 170)
        bottom = edge + rng.uniform(0.02, 0.1) * height
        _box(picture, x, bottom - h, x + w, bottom, wood)
        _box(picture, x, bottom - h, x + w, bottom - h + 4, wood * 1.25)
        for part in (1 / 3, 2 / 3):
            _box(picture, x + w * part - 1, bottom - h + 4, x + w * part, bottom, wood * 0.7)
    return picture


def street(rng: Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Return a picture of the sky, houses or hills, trees, and the ground."""
    width, height = size_wh
    edge = int(height * rng.uniform(0.42, 0.65))
    picture = _gradient(rng, size_wh, rng.uniform((190, 150, 90), (250, 220, 200)), 20)
    if rng.random() < 0.6:
        x = -rng.uniform(0, 0.1) * width
        while x < width:
            x = _house(rng, picture, x, edge)
    else:
        for _ in range(3):
            hill = rng.uniform((50, 90, 60), (120, 170, 140))
            x = rng.uniform(0, 1) * width
            half_axes = (width * rng.uniform(0.25, 0.6), edge * rng.uniform(0.15, 0.5))
            _fill(picture, ellipse((x, edge), half_axes), hill)
    grass = rng.uniform((40, 100, 60), (90, 165, 120))
    ground = grass if rng.random() < 0.5 else _color(rng, 80, 190)
    picture[edge:] = _gradient(rng, (width, height - edge), ground, 26)
    for _ in range(rng.integers(0, 5)):  # trees
        x, tall = rng.uniform(0, 1) * width, edge * rng.uniform(0.4, 0.95)
        foot = edge + rng.uniform(0, 0.12) * height
        trunk = rng.uniform((25, 45, 60), (70, 90, 120))
        _box(picture, x - 3, foot - tall * 0.6, x + 3, foot, trunk)
        leaf = rng.uniform((30, 80, 40), (80, 160, 110))
        for _ in range(4):
            center = (x + rng.uniform(-12, 12), foot - tall * rng.uniform(0.6, 1))
            _fill(picture, ellipse(center, rng.uniform(9, 22, 2)), leaf * rng.uniform(0.8, 1.15))
    return picture


def studio(rng: Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Return a picture of a gradient with arbitrary shapes, some as slim as limbs."""
    picture = _gradient(rng, size_wh, _color(rng), 50)
    for _ in range(rng.integers(0, 14)):
        center = rng.uniform(0, 1, 2) * size_wh
        axes = rng.uniform(4, 45, 2) if rng.random() < 0.6 else rng.uniform((4, 25), (10, 70))
        shape = ellipse(center, axes, rng.uniform(0, 180))
        if rng.random() >= 0.5:  # a polygon with few corners
            shape = shape[::rng.integers(4, 7)]
        _fill(picture, shape, _color(rng))
    return picture


BACKDROPS: tuple[Callable[[Generator, tuple[int, int]], np.ndarray], ...] = (room, street, studio)
BACKDROP_WEIGHTS = (0.45, 0.35, 0.2)


def _wall_pattern(rng: Generator, wall: np.ndarray) -> None:
    height, width = wall.shape[:2]
    tint = wall[0, 0] * rng.uniform(0.7, 0.93)
    period = rng.uniform(9, 36)
    kind = WALLS[rng.integers(len(WALLS))]
    if kind == 'wallpaper':
        for x in np.arange(rng.uniform(0, period), width, 2 * period):
            _box(wall, x, 0, x + period, height, tint)
    elif kind == 'bricks':
        tall = period * 0.6
        for row, y in enumerate(np.arange(0, height, tall)):
            _line(wall, 0, y, width, y, tint)
            for x in np.arange((row % 2) * period * 0.7, width, period * 1.4):
                _line(wall, x, y, x, y + tall, tint)
    elif kind == 'tiles':
        for x in np.arange(0, width, period):
            _line(wall, x, 0, x, height, tint)
        for y in np.arange(0, height, period):
            _line(wall, 0, y, width, y, tint)


def _floor_boards(rng: Generator, floor: np.ndarray) -> None:
    """Paint boards that run to a vanishing point, or leave the floor plain."""
    height, width = floor.shape[:2]
    if rng.random() < 0.55:
        tint = floor[0, 0] * rng.uniform(0.75, 0.92)
        vanish = rng.uniform(0.2, 0.8) * width
        for x in np.linspace(-2 * width, 3 * width, rng.integers(12, 40)):
            _line(floor, vanish + (x - vanish) * 0.35, 0, x, height, tint, cv2.LINE_AA)


def _window(rng: Generator, picture: np.ndarray, x: float, y: float, w: float, h: float) -> None:
    frame = _color(rng, 60, 240)
    _box(picture, x - 3, y - 3, x + w + 3, y + h + 3, frame)
    _box(picture, x, y, x + w, y + h, (235, rng.uniform(190, 225), 180))  # sky
    _box(picture, x, y + h * 0.6, x + w, y + h, (90, rng.uniform(120, 170), 110))  # a garden
    _box(picture, x + w / 2 - 1, y, x + w / 2 + 1, y + h, frame)


def _painting(rng: Generator, picture: np.ndarray, x: float, y: float, w: float, h: float) -> None:
    _box(picture, x, y, x + w, y + h, _color(rng, 20, 240))
    _box(picture, x + 3, y + 3, x + w - 3, y + h - 3, _color(rng))
    center = (x + w * rng.uniform(0.35, 0.65), y + h * rng.uniform(0.4, 0.6))
    _fill(picture, ellipse(center, (w * 0.22, h * 0.22)), _color(rng))


def _shelf(rng: Generator, picture: np.ndarray, x: float, y: float, w: float, h: float) -> None:
    wood = _color(rng, 40, 130)
    _box(picture, x, y, x + w, y + h, wood)
    deep = (h - 6) / 3 - 3
    for level in np.linspace(y + 3, y + h, 4)[:-1]:
        _box(picture, x + 3, level, x + w - 3, level + deep, wood * 0.6)
        book = x + 4
        while book < x + w - 8:
            thick, top = rng.uniform(2, 6), level + deep * rng.uniform(0.1, 0.45)
            _box(picture, book, top, book + thick, level + deep, _color(rng))
            book += thick + rng.uniform(0, 2)


def _house(rng: Generator, picture: np.ndarray, x: float, edge: int) -> float:
    """Paint a house that begins at ``x`` and stands on ``edge``; return where it ends."""
    w, top = picture.shape[1] * rng.uniform(0.12, 0.3), edge * rng.uniform(0.1, 0.7)
    wall = _color(rng, 60, 200)
    _box(picture, x, top, x + w, edge, wall)
    dark = rng.random() < 0.7
    glass = wall * rng.uniform(0.4, 0.7) if dark else np.minimum(wall * 1.4, 250)
    for left in np.arange(x + 5, x + w - 8, 13):
        for upper in np.arange(top + 6, edge - 10, 17):
            _box(picture, left, upper, left + 6, upper + 9, glass)
    return x + w


def _gradient(rng: Generator, size_wh: tuple[int, int], base: np.ndarray,
              amount: float) -> np.ndarray:
    """Return a picture of one color with a smooth change of brightness."""
    corners = np.clip(base + rng.uniform(-amount, amount, (2, 2, 1)), 0, 255).astype(np.float32)
    return cv2.resize(corners, size_wh, interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def _texture(rng: Generator, picture: np.ndarray, amount: float) -> None:
    """Add smooth clouds of brightness."""
    height, width = picture.shape[:2]
    clouds = np.zeros((height, width), np.float32)
    for cells in (5, 24):
        grid = rng.standard_normal((cells, cells), np.float32) * np.float32(amount / cells**0.3)
        clouds += cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
    cv2.add(picture, cv2.merge([clouds] * 3), picture, dtype=cv2.CV_8U)


def _color(rng: Generator, low: float = 40, high: float = 225) -> np.ndarray:
    return muted_color(rng, low, high, spread=38)


def _fill(picture: np.ndarray, polygon: np.ndarray, color: Color) -> None:
    cv2.fillPoly(picture, [fixed_point(polygon)], [float(c) for c in color], cv2.LINE_AA,
                 FRACTION_BITS)


def _box(picture: np.ndarray, x0: float, y0: float, x1: float, y1: float, color: Color) -> None:
    _fill(picture, rectangle(x0, y0, x1, y1), color)


def _line(picture: np.ndarray, x0: float, y0: float, x1: float, y1: float, color: np.ndarray,
          kind: int = cv2.LINE_8) -> None:
    cv2.line(picture, (int(x0), int(y0)), (int(x1), int(y1)), color.tolist(), 1, kind)
