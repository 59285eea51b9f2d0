"""What a person wears, and the colors of skin and hair."""

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .canvas import Color
from .surfaces import PATTERNS, Cloth

#: Blue, green, red; light to dark.
SKINS = ((198, 212, 240), (172, 194, 232), (145, 175, 222), (122, 155, 205), (95, 130, 185),
         (72, 105, 158), (55, 80, 128), (42, 62, 98))
HAIRS = ((28, 26, 30), (35, 45, 62), (42, 66, 98), (60, 100, 150), (95, 165, 205),
         (45, 75, 160), (150, 150, 155), (205, 205, 210))

#: What the chest shows, besides the neckline.
FRONTS = ('plain', 'buttons', 'print', 'zip')
#: Ranges of sleeves (none, short, to the elbow, long), and how often each is drawn.
SLEEVES = ((0.0, 0.1), (0.45, 0.75), (0.9, 1.3), (1.9, 2.0))
SLEEVE_WEIGHTS = (0.1, 0.52, 0.08, 0.30)
#: Heights of the hair over the forehead.
HAIRLINES, BALD = (-0.7, -0.42), -1.3


@dataclass(frozen=True)
class HeadLook:
    """What lies on the head; heights in half head heights from its middle, positive down."""

    hair: Color
    hairline: float  #: height of the hair over the forehead; -1 or less is bald
    nape: float  #: height where the hair ends at the back
    hat: Color | None
    beard: bool  #: whether the color of the hair covers the chin


@dataclass(frozen=True)
class Outfit:
    """The look of one person."""

    skin: Cloth
    top: Cloth
    sleeve: float  #: what the top covers of the arm: 0 none, 1 to the elbow, 2 to the wrist
    bottom: Cloth
    leg: float  #: what the bottom covers of the leg: 0 none, 1 to the knee, 2 to the ankle
    skirt: float  #: length of a skirt in parts of the thigh, 0 for none
    shoe: Cloth
    head: HeadLook
    long_hair: float  #: length of the hair below the head in parts of the stature, 0 for none
    front: str  #: what the chest shows, one of ``FRONTS``
    glasses: bool
    bag: Color | None  #: color of a backpack
    loose: float  #: factor on the radii of clothed parts

    @classmethod
    def sample(cls, rng: Generator, can_wear_skirt: bool) -> 'Outfit':
        """Draw an outfit."""
        skin = _similar(rng, SKINS[rng.integers(len(SKINS))])
        hair = _similar(rng, HAIRS[rng.integers(len(HAIRS))])
        top = _cloth(rng, _vivid(rng, 0.25, 0.98), 0.35, list(PATTERNS))
        skirt = rng.uniform(0.45, 1.15) if can_wear_skirt and rng.random() < 0.2 else 0.0
        if skirt and rng.random() < 0.4:  # a dress
            bottom = top
        else:
            bottom = _cloth(rng, _vivid(rng, 0.15, 0.7), 0.12,
                            [name for name in PATTERNS if name != 'halves'])
        trousers = rng.random() < 0.68
        leg = 0.0 if skirt else 2.0 if trousers else rng.uniform(0.45, 1.2)
        long_hair = rng.uniform(0.05, 0.14) if rng.random() < 0.3 else 0.0
        head = HeadLook(
            hair=hair, hairline=rng.uniform(*HAIRLINES) if rng.random() < 0.92 else BALD,
            nape=rng.uniform(0.2, 0.6), hat=_vivid(rng) if rng.random() < 0.18 else None,
            beard=not skirt and not long_hair and rng.random() < 0.2)
        sleeve = rng.uniform(*SLEEVES[rng.choice(len(SLEEVES), p=SLEEVE_WEIGHTS)])
        return cls(
            skin=Cloth(skin), top=top, sleeve=sleeve, bottom=bottom, leg=leg, skirt=skirt,
            shoe=Cloth(_vivid(rng, 0.15, 0.9)), head=head, long_hair=long_hair,
            front=FRONTS[rng.integers(len(FRONTS))], glasses=rng.random() < 0.15,
            bag=_vivid(rng) if rng.random() < 0.1 else None, loose=rng.uniform(1.04, 1.2))


def _vivid(rng: Generator, low: float = 0.25, high: float = 0.95) -> Color:
    """Draw a color of any hue, with a brightness of 0 to 1 between two values."""
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.beta(1.6, 1.6), rng.uniform(low, high))
    return (blue * 255, green * 255, red * 255)


def _similar(rng: Generator, color: Color) -> Color:
    """Draw a color close to a given one."""
    brightness = rng.uniform(0.92, 1.06)
    return tuple(np.clip(np.asarray(color) * brightness + rng.uniform(-6, 6, 3), 0, 255))


def _cloth(rng: Generator, color: Color, patterned: float, patterns: list[str]) -> Cloth:
    """Draw a cloth; a part ``patterned`` of them has one of the patterns and a second color."""
    if rng.random() >= patterned:
        return Cloth(color)
    return Cloth(color, _vivid(rng), patterns[rng.integers(len(patterns))],
                 rng.uniform(0.018, 0.045))
