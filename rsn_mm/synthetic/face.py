"""Paints heads: the surface with hair, and the features that are on the side that is seen."""

from typing import TYPE_CHECKING

import numpy as np

from .canvas import ellipse, hull
from .poses import SIDES
from .skeleton import SIGNS
from .surfaces import head_ellipse, head_surface

if TYPE_CHECKING:
    from .person import PersonPainter

#: A feature is painted, and a point of the face is there to be seen, where its normal points
#: this much towards the camera (cosine).
FACING = 0.12
#: An ear sticks out: it is seen until it is this far behind the middle of the head (half widths).
EAR_BEHIND = -0.5

WHITE, PUPIL, GLASSES = (238, 240, 242), (30, 24, 20), (25, 25, 25)


def facing(rotation: np.ndarray, x: float, y: float, z: float) -> float:
    """Return how much a direction in the head's frame points at the camera, -1..1."""
    direction = np.array([x, y, z])
    return float((rotation @ (direction / np.linalg.norm(direction)))[2])


def paint_head(painter: 'PersonPainter'):
    """Paint the head of a person, without the ears."""
    figure, canvas, look = painter.figure, painter.canvas, painter.outfit
    wide, deep, tall = np.asarray(figure.body.head_wdh) * painter.unit
    axes, center, frame = np.array([wide, tall, deep]), painter.points['head'], figure.head
    part = painter.identity('head')

    def on_head(x, y, z):
        return center + frame @ (np.array([x, y, z]) * axes)

    def fill(points, radius, color):
        canvas.fill([hull([on_head(*p) for p in points], [radius * tall] * len(points))], color,
                    part)

    canvas.fill([head_ellipse(center, frame, axes)],
                head_surface(center, frame, axes, look.head, painter.light), part)
    skin = np.asarray(look.head.skin)
    for side in SIDES:
        sign = SIGNS[side]
        turned = facing(frame, 0.36 * sign, -0.1, 0.91)
        if turned < FACING:
            continue
        eye, squeeze = on_head(0.36 * sign, -0.1, 0.91), max(turned, 0.3)
        canvas.fill([ellipse(eye, (0.2 * tall * squeeze, 0.15 * tall))], WHITE, part)
        canvas.fill([ellipse(eye, (0.11 * tall * max(squeeze, 0.6), 0.13 * tall))], PUPIL, part)
        fill([(0.56 * sign, -0.33, 0.77), (0.18 * sign, -0.35, 0.93)], 0.035,
             np.asarray(look.head.hair) * 0.8)
        if look.glasses:
            for inner in ((0.6, -0.1, 0.8), (0.15, -0.1, 0.99)):
                fill([(inner[0] * sign, -0.28, inner[2]), (inner[0] * sign, 0.08, inner[2])],
                     0.025, GLASSES)
            fill([(0.15 * sign, 0.08, 0.99), (0.6 * sign, 0.08, 0.8)], 0.025, GLASSES)
            fill([(0.15 * sign, -0.28, 0.95), (0.6 * sign, -0.28, 0.75)], 0.025, GLASSES)
    if facing(frame, 0, 0.5, 0.85) > FACING:
        fill([(-0.26, 0.52, 0.82), (0, 0.56, 0.85), (0.26, 0.52, 0.82)], 0.03,
             skin * (0.5, 0.5, 0.75))
    if facing(frame, 0, 0.1, 1.0) > -0.1:  # in profile it stands out over the outline
        fill([(0, -0.08, 0.98), (0, 0.18, 1.1)], 0.06, skin * 0.93)
        fill([(0, 0.2, 1.07)], 0.085, skin * 0.86)
    if look.head.hat is not None and facing(frame, 0, -0.4, 0.9) > -0.2:
        fill([(-0.6, -0.42, 0.75), (0, -0.45, 1.3), (0.6, -0.42, 0.75)], 0.05,
             np.asarray(look.head.hat) * 0.8)


def paint_ear(painter: 'PersonPainter', side: str):
    """Paint one ear, if it is not behind the head."""
    figure = painter.figure
    wide, _, tall = np.asarray(figure.body.head_wdh) * painter.unit
    ear = painter.points[f'{side}_ear']
    if (ear - painter.points['head'])[2] < EAR_BEHIND * wide:
        return
    seen_from_side = abs(facing(figure.head, 1, 0, 0))
    polygon = ellipse(ear, ((0.1 + 0.11 * seen_from_side) * tall, 0.21 * tall))
    skin = np.asarray(painter.outfit.head.skin)
    painter.canvas.fill([polygon], skin * 0.9, painter.identity(f'{side}_ear'))
    if seen_from_side > 0.5:
        inner = ellipse(ear, (0.09 * tall, 0.11 * tall))
        painter.canvas.fill([inner], skin * 0.72, painter.identity(f'{side}_ear'))
