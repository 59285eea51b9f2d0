"""What is behind the people: rooms, streets and plain studios, with clutter."""

from collections.abc import Callable

import cv2
import numpy as np

from .canvas import _SHIFT, Color, ellipse, fixed_point, rectangle

#: Brightness of haze.
_HAZE = 165


def _color(rng: np.random.Generator, low: float = 40, high: float = 225) -> np.ndarray:
    """Return a rather gray BGR color: a place is seldom as bright as clothes."""
    return np.clip(rng.uniform(low, high) + rng.uniform(-38, 38, 3), 0, 255)


def _fill(picture: np.ndarray, polygon: np.ndarray, color: Color):
    cv2.fillPoly(picture, [fixed_point(np.asarray(polygon))], [float(c) for c in color],
                 cv2.LINE_AA, _SHIFT)


def _gradient(rng: np.random.Generator, size_wh, base: np.ndarray, amount: float) -> np.ndarray:
    """Return (h, w, 3) uint8: a color with a smooth change of brightness."""
    corners = np.clip(base + rng.uniform(-amount, amount, (2, 2, 1)), 0, 255).astype(np.float32)
    return cv2.resize(corners, size_wh, interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def _texture(rng: np.random.Generator, picture: np.ndarray, amount: float):
    """Add smooth clouds of brightness to a region, in place."""
    height, width = picture.shape[:2]
    if height < 2 or width < 2 or amount <= 0:
        return
    clouds = np.zeros((height, width), np.float32)
    for cells in (5, 24):
        grid = rng.standard_normal((cells, cells), np.float32) * np.float32(amount / cells**0.3)
        clouds += cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
    cv2.add(picture, cv2.merge([clouds] * 3), picture, dtype=cv2.CV_8U)


def _wall_pattern(rng: np.random.Generator, wall: np.ndarray):
    height, width = wall.shape[:2]
    tint = wall[0, 0].astype(float) * rng.uniform(0.7, 0.93)
    period = float(rng.uniform(9, 36))
    kind = rng.integers(5)
    if kind == 0:  # wallpaper
        for x in np.arange(rng.uniform(0, period), width, 2 * period):
            _fill(wall, rectangle(x, 0, x + period, height), tint)
    elif kind == 1:  # bricks
        for row, y in enumerate(np.arange(0, height, period * 0.6)):
            cv2.line(wall, (0, int(y)), (width, int(y)), tint.tolist(), 1)
            for x in np.arange((row % 2) * period * 0.7, width, period * 1.4):
                cv2.line(wall, (int(x), int(y)), (int(x), int(y + period * 0.6)), tint.tolist(), 1)
    elif kind == 2:  # tiles
        for x in np.arange(0, width, period):
            cv2.line(wall, (int(x), 0), (int(x), height), tint.tolist(), 1)
        for y in np.arange(0, height, period):
            cv2.line(wall, (0, int(y)), (width, int(y)), tint.tolist(), 1)


def _floor(rng: np.random.Generator, floor: np.ndarray):
    """Draw boards that run to a vanishing point, in place."""
    height, width = floor.shape[:2]
    if rng.random() < 0.55:
        tint = (floor[0, 0] * rng.uniform(0.75, 0.92)).tolist()
        vanish = rng.uniform(0.2, 0.8) * width
        for x in np.linspace(-2 * width, 3 * width, int(rng.integers(12, 40))):
            cv2.line(floor, (int(vanish + (x - vanish) * 0.35), 0), (int(x), height), tint, 1,
                     cv2.LINE_AA)


def _window(rng, picture, x, y, w, h):
    frame = _color(rng, 60, 240)
    _fill(picture, rectangle(x - 3, y - 3, x + w + 3, y + h + 3), frame)
    _fill(picture, rectangle(x, y, x + w, y + h), (235, rng.uniform(190, 225), 180))
    _fill(picture, rectangle(x, y + h * 0.6, x + w, y + h), (90, rng.uniform(120, 170), 110))
    _fill(picture, rectangle(x + w / 2 - 1, y, x + w / 2 + 1, y + h), frame)


def _picture(rng, picture, x, y, w, h):
    _fill(picture, rectangle(x, y, x + w, y + h), _color(rng, 20, 240))
    inner = rectangle(x + 3, y + 3, x + w - 3, y + h - 3)
    _fill(picture, inner, _color(rng))
    center = (x + w * rng.uniform(0.35, 0.65), y + h * rng.uniform(0.4, 0.6))
    _fill(picture, ellipse(center, (w * 0.22, h * 0.22)), _color(rng))


def _shelf(rng, picture, x, y, w, h):
    wood = _color(rng, 40, 130)
    _fill(picture, rectangle(x, y, x + w, y + h), wood)
    for level in np.linspace(y + 3, y + h, 4)[:-1]:
        deep = (h - 6) / 3 - 3
        _fill(picture, rectangle(x + 3, level, x + w - 3, level + deep), wood * 0.6)
        book = x + 4
        while book < x + w - 8:
            thick = rng.uniform(2, 6)
            _fill(picture, rectangle(book, level + deep * rng.uniform(0.1, 0.45), book + thick,
                                     level + deep), _color(rng))
            book += thick + rng.uniform(0, 2)


def room(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Return (h, w, 3) uint8 BGR: a wall with things on it, and a floor."""
    width, height = size_wh
    edge = int(height * rng.uniform(0.5, 0.72))
    picture = _gradient(rng, size_wh, _color(rng, 70, 235), 26)
    _wall_pattern(rng, picture[:edge])
    for _ in range(rng.integers(1, 5)):
        kind = (_window, _picture, _shelf)[rng.integers(3)]
        w, h = width * rng.uniform(0.1, 0.26), height * rng.uniform(0.14, 0.34)
        kind(rng, picture, rng.uniform(-0.05, 0.9) * width, rng.uniform(0.03, 0.32) * height, w, h)
    picture[edge:] = _gradient(rng, (width, height - edge), _color(rng, 50, 190), 30)
    _floor(rng, picture[edge:])
    _fill(picture, rectangle(0, edge - 3, width, edge), _color(rng, 50, 230))
    for _ in range(rng.integers(0, 3)):  # furniture against the wall
        x, w, h = rng.uniform(-0.1, 0.9) * width, rng.uniform(0.15, 0.4) * width, rng.uniform(
            0.12, 0.3) * height
        wood, bottom = _color(rng, 40, 170), edge + rng.uniform(0.02, 0.1) * height
        _fill(picture, rectangle(x, bottom - h, x + w, bottom), wood)
        _fill(picture, rectangle(x, bottom - h, x + w, bottom - h + 4), wood * 1.25)
        for part in (1 / 3, 2 / 3):
            _fill(picture, rectangle(x + w * part - 1, bottom - h + 4, x + w * part, bottom),
                  wood * 0.7)
    return picture


def street(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Return (h, w, 3) uint8 BGR: sky, houses or hills, trees, and ground."""
    width, height = size_wh
    edge = int(height * rng.uniform(0.42, 0.65))
    sky = np.array([rng.uniform(190, 250), rng.uniform(150, 220), rng.uniform(90, 200)])
    picture = _gradient(rng, size_wh, sky, 20)
    if rng.random() < 0.6:
        x = -rng.uniform(0, 0.1) * width
        while x < width:
            w, top = width * rng.uniform(0.12, 0.3), edge * rng.uniform(0.1, 0.7)
            wall = _color(rng, 60, 200)
            _fill(picture, rectangle(x, top, x + w, edge), wall)
            dark = rng.random() < 0.7
            glass = wall * rng.uniform(0.4, 0.7) if dark else np.minimum(wall * 1.4, 250)
            for wx in np.arange(x + 5, x + w - 8, 13):
                for wy in np.arange(top + 6, edge - 10, 17):
                    _fill(picture, rectangle(wx, wy, wx + 6, wy + 9), glass)
            x += w
    else:
        for _ in range(3):
            hill = np.array([rng.uniform(50, 120), rng.uniform(90, 170), rng.uniform(60, 140)])
            _fill(picture, ellipse((rng.uniform(0, 1) * width, edge), (
                width * rng.uniform(0.25, 0.6), edge * rng.uniform(0.15, 0.5))), hill)
    grass = np.array([rng.uniform(40, 90), rng.uniform(100, 165), rng.uniform(60, 120)])
    ground = grass if rng.random() < 0.5 else _color(rng, 80, 190)
    picture[edge:] = _gradient(rng, (width, height - edge), ground, 26)
    for _ in range(rng.integers(0, 5)):
        x, tall = rng.uniform(0, 1) * width, edge * rng.uniform(0.4, 0.95)
        foot = edge + rng.uniform(0, 0.12) * height
        trunk = np.array([rng.uniform(25, 70), rng.uniform(45, 90), rng.uniform(60, 120)])
        _fill(picture, rectangle(x - 3, foot - tall * 0.6, x + 3, foot), trunk)
        leaf = np.array([rng.uniform(30, 80), rng.uniform(80, 160), rng.uniform(40, 110)])
        for _ in range(4):
            _fill(picture, ellipse((x + rng.uniform(-12, 12), foot - tall * rng.uniform(0.6, 1)),
                                   rng.uniform(9, 22, 2)), leaf * rng.uniform(0.8, 1.15))
    return picture


def studio(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Return (h, w, 3) uint8 BGR: a gradient with arbitrary shapes, some as slim as limbs."""
    width, height = size_wh
    picture = _gradient(rng, size_wh, _color(rng), 50)
    for _ in range(rng.integers(0, 14)):
        center = rng.uniform(0, 1, 2) * size_wh
        axes = rng.uniform(4, 45, 2) if rng.random() < 0.6 else rng.uniform((4, 25), (10, 70))
        shape = ellipse(center, axes, rng.uniform(0, 180))
        _fill(picture, shape if rng.random() < 0.5 else shape[::int(rng.integers(4, 7))],
              _color(rng))
    return picture


BACKDROPS: tuple[Callable, ...] = (room, street, studio)


def sample_backdrop(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """Return (h, w, 3) uint8 BGR, one of the kinds with a texture over it."""
    picture = BACKDROPS[rng.choice(3, p=(0.45, 0.35, 0.2))](rng, size_wh)
    _texture(rng, picture, float(rng.uniform(2, 9)))
    # What is far away is hazy: all of it moves towards one brightness.
    haze = float(rng.uniform(0.1, 0.5))
    return cv2.addWeighted(picture, 1 - haze, np.full_like(picture, _HAZE), haze, 0)
