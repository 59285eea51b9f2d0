"""A body: its sides, the parts it is painted from, and its proportions."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

SIDES = ('left', 'right')
#: Sign of x in the frame of a body, see :mod:`.figure`.
SIGNS = dict(left=1.0, right=-1.0)

PARTS = ('head', 'hair', 'neck', 'torso', 'pelvis', 'skirt', 'bag') + tuple(
    f'{side}_{name}' for side in SIDES
    for name in ('ear', 'upper_arm', 'forearm', 'hand', 'thigh', 'shank', 'foot'))

#: The identity buffer has 8 bits: one block of values for things, then one for each person.
IDS_PER_PERSON = 32
MAX_PEOPLE = 256 // IDS_PER_PERSON - 1

#: Radii of a slim body in parts of the stature.
RADII = dict(shoulder=0.040, elbow=0.031, wrist=0.022, hip=0.060, knee=0.044, ankle=0.029,
             chest=0.070, waist=0.062, neck=0.032, hem=0.072)


def person_ids(person: int) -> dict[str, int]:
    """Return part -> value in the identity buffer for the person of an index from 0."""
    first = IDS_PER_PERSON * (person + 1)
    return {part: first + number for number, part in enumerate(PARTS)}


@dataclass(frozen=True)
class Body:
    """Lengths in parts of the stature."""

    shoulder_half: float = 0.108
    hip_half: float = 0.058
    torso: float = 0.285
    neck: float = 0.04
    upper_arm: float = 0.165
    forearm: float = 0.145
    hand: float = 0.065
    thigh: float = 0.235
    shank: float = 0.225
    foot: float = 0.105
    ankle_height: float = 0.035
    head: tuple[float, float, float] = (0.070, 0.094, 0.080)  #: half width, height and depth
    girth: float = 1.0  #: factor on all radii
    waist: float = 1.0  #: factor on the waist against the chest

    @classmethod
    def sample(cls, rng: Generator) -> 'Body':
        """Draw a body: adult or child, narrow or wide, slim or heavy."""
        child = rng.random() < 0.15
        head = rng.uniform(1.12, 1.25) if child else rng.uniform(0.95, 1.08)
        limb = rng.uniform(0.86, 0.92) if child else rng.uniform(0.95, 1.05)
        girth = rng.uniform(0.95, 1.3)
        width = rng.uniform(0.90, 1.14) * (0.92 if child else 1.0)
        factors = dict(
            shoulder_half=width, hip_half=0.5 + 0.5 * width, torso=1.0, neck=1.0, upper_arm=limb,
            forearm=limb, hand=1.0, thigh=limb, shank=limb, foot=1.0)
        lengths = {name: getattr(cls, name) * rng.uniform(0.95, 1.05) * factor
                   for name, factor in factors.items()}
        lengths['hip_half'] *= 0.9 + 0.1 * girth
        wide, tall, deep = np.array(cls.head) * head
        return cls(**lengths, head=(wide * rng.uniform(0.95, 1.08), tall, deep), girth=girth,
                   waist=rng.uniform(0.82, 1.12))

    def radius(self, name: str) -> float:
        """Return one of ``RADII`` for this body."""
        return RADII[name] * self.girth
