"""What a person wears, and the colors of skin and hair."""

import colorsys
from dataclasses import dataclass

import numpy as np

from .canvas import Color
from .surfaces import PATTERNS, Cloth, HeadCover

#: Blue, green, red; light to dark.
SKINS = ((198, 212, 240), (172, 194, 232), (145, 175, 222), (122, 155, 205), (95, 130, 185),
         (72, 105, 158), (55, 80, 128), (42, 62, 98))
HAIRS = ((28, 26, 30), (35, 45, 62), (42, 66, 98), (60, 100, 150), (95, 165, 205),
         (45, 75, 160), (150, 150, 155), (205, 205, 210))


@dataclass(frozen=True)
class Outfit:
    """One person's look.

    Args:
        skin: Skin, plain.
        top: Shirt.
        sleeve: Part of the arm that the sleeve covers, 0 none, 1 to the elbow, 2 to the wrist.
        bottom: Trousers, shorts or skirt.
        leg: Part of the leg that is covered, 1 to the knee, 2 to the ankle.
        skirt: Length of a skirt in parts of the thigh, 0 for none.
        shoe: Shoes.
        head: Hair, hat and beard.
        long_hair: Length of hair below the head in parts of the stature, 0 for none.
        front: What the chest shows: ``'plain'``, ``'buttons'``, ``'print'``, ``'zip'``.
        glasses: Whether the person wears glasses.
        bag: Color of a backpack, or ``None``.
        loose: Extra radius of clothed parts, factor.
    """

    skin: Cloth
    top: Cloth
    sleeve: float
    bottom: Cloth
    leg: float
    skirt: float
    shoe: Cloth
    head: HeadCover
    long_hair: float
    front: str
    glasses: bool
    bag: Color | None
    loose: float

    @classmethod
    def sample(cls, rng: np.random.Generator, can_wear_skirt: bool) -> 'Outfit':
        """Draw an outfit; skirts only for poses in which they hang down."""
        skin = _vary(rng, SKINS[rng.integers(len(SKINS))])
        hair = _vary(rng, HAIRS[rng.integers(len(HAIRS))])
        top = _cloth(rng, 0.35)
        skirt = float(rng.uniform(0.45, 1.15)) if can_wear_skirt and rng.random() < 0.2 else 0.0
        bottom = top if skirt and rng.random() < 0.4 else _cloth(rng, 0.12, trousers=True)
        kind = rng.random()
        leg = 0.0 if skirt else float(2.0 if kind < 0.68 else rng.uniform(0.45, 1.2))
        long_hair = float(rng.uniform(0.05, 0.14)) if rng.random() < 0.3 else 0.0
        head = HeadCover(
            skin=skin, hair=hair,
            hairline=float(rng.uniform(-0.7, -0.42)) if rng.random() < 0.92 else -1.3,
            nape=float(rng.uniform(0.2, 0.6)),
            hat=_color(rng) if rng.random() < 0.18 else None,
            beard=bool(not skirt and not long_hair and rng.random() < 0.2))
        sleeves = ((0.0, 0.1), (0.45, 0.75), (0.9, 1.3), (1.9, 2.0))
        low, high = sleeves[rng.choice(4, p=(0.1, 0.52, 0.08, 0.30))]
        return cls(
            skin=Cloth(skin), top=top, sleeve=float(rng.uniform(low, high)), bottom=bottom,
            leg=leg, skirt=skirt, shoe=Cloth(_color(rng, 0.15, 0.9)), head=head,
            long_hair=long_hair,
            front=('plain', 'buttons', 'print', 'zip')[rng.integers(4)],
            glasses=bool(rng.random() < 0.15),
            bag=_color(rng) if rng.random() < 0.1 else None,
            loose=float(rng.uniform(1.04, 1.2)))


def _color(rng: np.random.Generator, low: float = 0.25, high: float = 0.95) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.beta(1.6, 1.6), rng.uniform(low, high))
    return (blue * 255, green * 255, red * 255)


def _vary(rng: np.random.Generator, color: Color) -> Color:
    return tuple(np.clip(np.asarray(color) * rng.uniform(0.92, 1.06) + rng.uniform(-6, 6, 3),
                         0, 255))


def _cloth(rng: np.random.Generator, patterned: float, trousers: bool = False) -> Cloth:
    color = _color(rng, 0.15, 0.7) if trousers else _color(rng, 0.25, 0.98)
    if rng.random() >= patterned:
        return Cloth(color)
    names = [name for name in PATTERNS if not (trousers and name == 'halves')]
    return Cloth(color, _color(rng), names[rng.integers(len(names))],
                 float(rng.uniform(0.018, 0.045)))
