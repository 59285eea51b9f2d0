"""Poses: joint angles in degrees, and the families they are drawn from.

``flex`` swings a limb to the front, ``abduct`` away from the body; ``inward`` turns the upper arm
about its own axis so that a bent forearm points to the other side; ``bend`` moves the trunk to the
front, ``lean`` and ``twist`` move it to the left. At 0 a body stands upright with hanging arms.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from .body import SIDES

Pose = dict[str, float]
Ranges = Mapping[str, tuple[float, float]]

ARMS: dict[str, Ranges] = dict(
    hang=dict(arm_flex=(-12, 18), arm_abduct=(6, 20), arm_inward=(-15, 25), elbow=(4, 32)),
    hip=dict(arm_flex=(-25, -8), arm_abduct=(34, 48), arm_inward=(70, 90), elbow=(85, 108)),
    up=dict(arm_flex=(-8, 15), arm_abduct=(140, 172), arm_inward=(-20, 20), elbow=(0, 45)),
    side=dict(arm_flex=(-8, 12), arm_abduct=(65, 105), arm_inward=(-20, 20), elbow=(0, 35)),
    wave=dict(arm_flex=(-5, 10), arm_abduct=(70, 105), arm_inward=(-95, -75), elbow=(60, 120)),
    reach=dict(arm_flex=(55, 100), arm_abduct=(4, 25), arm_inward=(-10, 20), elbow=(0, 45)),
    fold=dict(arm_flex=(20, 42), arm_abduct=(8, 20), arm_inward=(30, 60), elbow=(85, 115)),
    bent=dict(arm_flex=(5, 30), arm_abduct=(8, 22), arm_inward=(-5, 20), elbow=(60, 110)))

LEGS: dict[str, Ranges] = dict(
    stand=dict(hip_flex=(-3, 5), hip_abduct=(2, 8), knee=(0, 8), foot_out=(0, 22)),
    wide=dict(hip_flex=(-3, 6), hip_abduct=(12, 26), knee=(0, 14), foot_out=(5, 30)),
    front=dict(hip_flex=(14, 32), hip_abduct=(0, 5), knee=(2, 14), foot_out=(0, 10)),
    rear=dict(hip_flex=(-22, -10), hip_abduct=(0, 5), knee=(12, 40), foot_out=(0, 10)),
    lifted=dict(hip_flex=(45, 85), hip_abduct=(2, 14), knee=(60, 105), foot_out=(0, 10)),
    seat=dict(hip_flex=(76, 92), hip_abduct=(4, 18), knee=(72, 98), foot_out=(0, 15)),
    squat=dict(hip_flex=(70, 100), hip_abduct=(10, 28), knee=(95, 125), foot_out=(5, 25)))

#: How far an arm swings with the leg of the other side in walking.
ARM_SWING = 0.9
#: People like symmetry: part of them that hold both arms in the same way.
SYMMETRIC = 0.45


class Family(NamedTuple):
    """Poses of one kind."""

    weight: float  #: how often it is drawn
    trunk: Ranges  #: angles of trunk and head
    legs: tuple[tuple[str, str], ...]  #: styles (left, right), one pair of which is drawn
    arms: tuple[str, ...]  #: styles, one of which is drawn for each arm


_UPRIGHT: Ranges = dict(
    bend=(-4, 10), lean=(-5, 5), twist=(-8, 8), head_yaw=(-30, 30), head_pitch=(-10, 15),
    head_roll=(-8, 8))

FAMILIES: dict[str, Family] = dict(
    standing=Family(0.34, _UPRIGHT, (('stand', 'stand'), ('wide', 'stand'), ('stand', 'wide')),
                    ('hang', 'hang', 'hip', 'side', 'wave', 'bent', 'fold', 'reach')),
    arms_up=Family(0.12, _UPRIGHT, (('stand', 'stand'), ('wide', 'wide')), ('up', 'up', 'wave')),
    walking=Family(0.20, {**_UPRIGHT, 'bend': (0, 14)}, (('front', 'rear'), ('rear', 'front')),
                   ('hang', 'bent')),
    balancing=Family(0.08, _UPRIGHT, (('lifted', 'stand'), ('stand', 'lifted')),
                     ('side', 'hang', 'bent', 'hip')),
    sitting=Family(0.14, {**_UPRIGHT, 'bend': (-6, 18)}, (('seat', 'seat'),),
                   ('hang', 'fold', 'bent', 'wave', 'bent')),
    bending=Family(0.08, {**_UPRIGHT, 'bend': (30, 65), 'head_pitch': (-25, 5)},
                   (('stand', 'stand'), ('wide', 'wide')), ('reach', 'hang', 'bent')),
    squatting=Family(0.04, {**_UPRIGHT, 'bend': (8, 30)}, (('squat', 'squat'),),
                     ('reach', 'bent')))

#: What is left when no variety is asked for.
PLAIN_FAMILY = 'standing'
PLAIN_ARMS = ('hang', 'bent', 'hip')


def _draw(rng: Generator, ranges: Ranges, prefix: str = '') -> Pose:
    return {prefix + name: rng.uniform(*bounds) for name, bounds in ranges.items()}


def sample_pose(rng: Generator, variety: float) -> tuple[str, Pose]:
    """Return the name of a family, and the angles of a pose.

    A part ``variety`` of the poses comes from all families; the rest are plain.
    """
    varied = rng.random() < variety
    weights = np.array([family.weight for family in FAMILIES.values()])
    name = PLAIN_FAMILY
    if varied:
        name = list(FAMILIES)[rng.choice(len(weights), p=weights / weights.sum())]
    family = FAMILIES[name]
    pose = _draw(rng, family.trunk)
    arms = [family.arms[rng.integers(len(family.arms))] for _ in SIDES]
    if not varied:
        arms = [PLAIN_ARMS[rng.integers(len(PLAIN_ARMS))] for _ in SIDES]
    if rng.random() < SYMMETRIC:
        arms[1] = arms[0]
    legs = family.legs[rng.integers(len(family.legs))]
    for side, arm, leg in zip(SIDES, arms, legs, strict=True):
        pose.update(_draw(rng, ARMS[arm], f'{side}_'))
        pose.update(_draw(rng, LEGS[leg], f'{side}_'))
    if name == 'walking':
        for side, other in (SIDES, SIDES[::-1]):
            pose[f'{side}_arm_flex'] += ARM_SWING * pose[f'{other}_hip_flex']
    return name, pose
