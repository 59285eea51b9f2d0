"""Paints a posed body part by part, back to front."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from .body import RADII, SIDES, SIGNS, person_ids
from .canvas import Canvas, Color, hull
from .face import paint_hair, paint_head
from .figure import Figure
from .surfaces import Brush, Cloth, Light
from .wardrobe import Outfit

#: Unit of what is added to nearness, in parts of the stature, so that arms are painted over the
#: trunk and legs under it.
STEP = 0.02

#: Radii at both ends, the upper end of the neck, and the corners of what is on the chest, all in
#: parts of the stature.
THUMB = (0.013, 0.008)
HAND = (RADII['wrist'], 0.02025)
FOOT = (0.0297, 0.02295)
NECK_TOP = 0.02944
DETAIL = 0.004

#: The chest shows what is on it where its front points this much towards the camera (cosine).
CHEST_FACING = 0.15
#: Rows of the tables of tones: skin in the light, and buttons, zips and prints.
SKIN_TONE, ACCENT_TONE = 225, 200
#: The upper and the lower end of a backpack, see :meth:`Figure.on_trunk`.
BAG_LEVELS = (0.1, 0.75)


def paint_person(canvas: Canvas, figure: Figure, outfit: Outfit, light: Light,
                 person: int) -> None:
    """Paint all parts of the person of an index from 0, the farthest first."""
    brush = Brush(canvas, light, figure.stature, person_ids(person))
    for _, paint in sorted(_parts(figure, outfit), key=lambda part: part[0]):
        paint(brush, figure, outfit)


def _parts(figure: Figure, outfit: Outfit) -> Iterator[
        tuple[float, Callable[[Brush, Figure, Outfit], None]]]:
    """Yield nearness in parts of the stature, and the function that paints the part."""
    def near(*names: str) -> float:
        return float(np.mean([figure.points[name][2] for name in names])) / figure.stature

    thighs = []
    for side in SIDES:
        limb = partial(_limb, side=side)
        thighs.append(near(f'{side}_hip', f'{side}_knee') - 1.5 * STEP)
        yield thighs[-1], partial(limb, part='thigh', joints=('hip', 'knee'),
                                  cloth=outfit.bottom, cover=outfit.leg)
        shank = near(f'{side}_knee', f'{side}_ankle') - 1.2 * STEP
        yield shank, partial(limb, part='shank', joints=('knee', 'ankle'),
                             cloth=outfit.bottom, cover=outfit.leg - 1)
        yield near(f'{side}_ankle', f'{side}_toe') - STEP, partial(_foot, side=side)
        upper_arm = near(f'{side}_shoulder', f'{side}_elbow') + STEP
        yield upper_arm, partial(limb, part='upper_arm', joints=('shoulder', 'elbow'),
                                 cloth=outfit.top, cover=outfit.sleeve)
        forearm = near(f'{side}_elbow', f'{side}_wrist') + 1.5 * STEP
        yield forearm, partial(limb, part='forearm', joints=('elbow', 'wrist'),
                               cloth=outfit.top, cover=outfit.sleeve - 1)
        yield forearm + 0.2 * STEP, partial(_hand, side=side)
    pelvis, torso = near('left_hip', 'right_hip') - STEP, near('thorax', 'pelvis')
    head = near('head') + 1.5 * STEP
    yield pelvis, _pelvis
    yield torso, _torso
    yield near('thorax', 'upper_neck') - STEP, _neck
    yield head, paint_head
    if outfit.skirt:
        yield max(pelvis, *thighs) + 0.1 * STEP, _skirt
    if outfit.long_hair:
        yield head - 0.075 * figure.head_frame[2, 2], paint_hair
    if outfit.bag is not None:
        yield torso - 0.11 * figure.torso_frame[2, 2], partial(_bag, color=outfit.bag)


def _limb(brush: Brush, figure: Figure, outfit: Outfit, side: str, part: str,
          joints: tuple[str, str], cloth: Cloth, cover: float) -> None:
    """Paint a limb, and over it cloth down to a part ``cover`` of its length."""
    start, end = (figure.points[f'{side}_{joint}'] for joint in joints)
    radii = figure.body.radius(joints[0]), figure.body.radius(joints[1])
    cover = min(max(cover, 0.0), 1.0)
    if cover < 1:
        brush.capsule(f'{side}_{part}', (start, end), radii, outfit.skin)
    if cover > 0:
        low = radii[0] + cover * (radii[1] - radii[0])
        brush.capsule(f'{side}_{part}', (start, start + cover * (end - start)),
                      (radii[0] * outfit.loose, low * outfit.loose), cloth)


def _hand(brush: Brush, figure: Figure, outfit: Outfit, side: str) -> None:
    wrist, size = figure.points[f'{side}_wrist'], 0.7 + 0.3 * figure.body.girth
    for end, radii in (('thumb', THUMB), ('hand', HAND)):
        brush.capsule(f'{side}_hand', (wrist, figure.points[f'{side}_{end}']),
                      (radii[0] * size, radii[1] * size), outfit.skin)


def _foot(brush: Brush, figure: Figure, outfit: Outfit, side: str) -> None:
    ends = figure.points[f'{side}_heel'], figure.points[f'{side}_toe']
    brush.capsule(f'{side}_foot', ends, FOOT, outfit.shoe)


def _neck(brush: Brush, figure: Figure, outfit: Outfit) -> None:
    ends = figure.points['thorax'], figure.points['upper_neck']
    brush.capsule('neck', ends, (figure.body.radius('neck'), NECK_TOP), outfit.skin)


def _torso(brush: Brush, figure: Figure, outfit: Outfit) -> None:
    """Paint the torso and, on the front of it, what tells the chest from the back."""
    body, points, unit = figure.body, figure.points, figure.stature
    # Hulls of pairs of circles at four levels: half the distance of a pair, how far it is in
    # front of the middle, and its radius, all in parts of the stature.
    levels = {0.05: (body.shoulder_half - 0.006, 0, body.radius('shoulder')),
              0.35: (0.055 * body.girth, 0.012, body.radius('chest')),
              0.66: (0.040 * body.girth * body.waist, 0.008, body.radius('waist') * body.waist),
              0.97: (body.hip_half, 0, body.radius('hip') * 1.05)}
    centers = [[figure.on_trunk(level, sign * half, z) for sign in (-1, 1)]
               for level, (half, z, _) in levels.items()]
    radii = [[radius * unit] * 2 for _, _, radius in levels.values()]
    centers[0].append(points['thorax'] * 0.75 + points['upper_neck'] * 0.25)  # the collar
    radii[0].append(body.radius('neck') * unit)
    polygons = [hull(centers[i] + centers[i + 1], radii[i] + radii[i + 1]) for i in range(3)]

    ends = points['thorax'], points['pelvis']
    axis = (ends[1] - ends[0])[:2]
    across = np.array([-axis[1], axis[0]]) / max(np.hypot(*axis), 1e-6)
    widths = [np.abs((polygon - ends[0][:2]) @ across).max() for polygon in polygons]
    brush.rounded('torso', polygons, ends, (widths[0], widths[2]), outfit.top)
    if figure.torso_frame[2, 2] >= CHEST_FACING:
        _chest(brush, figure, outfit)


def _chest(brush: Brush, figure: Figure, outfit: Outfit) -> None:
    """Paint the neckline; buttons, a zip or a print; and the straps of a backpack."""
    deep, accent = figure.body.radius('chest'), outfit.bottom.table[ACCENT_TONE]

    def detail(color: Color, *places: tuple[float, float, float]) -> None:
        points = [figure.on_trunk(*place) for place in places]
        brush.fill('torso', hull(points, [DETAIL * figure.stature] * len(points)), color)

    detail(outfit.skin.table[SKIN_TONE],
           (-0.03, -0.03, 0.02), (-0.03, 0.03, 0.02), (0.12, 0, 0.8 * deep))
    if outfit.front == 'buttons':
        for level in (0.25, 0.42, 0.59, 0.76):
            detail(accent, (level, 0, deep))
    elif outfit.front == 'zip':
        detail(accent, (0.16, 0, deep), (0.9, 0, deep))
    elif outfit.front == 'print':
        detail(accent, (0.28, -0.035, deep), (0.28, 0.035, deep), (0.5, 0.03, deep),
               (0.5, -0.03, deep))
    if outfit.bag is not None:
        for sign in SIGNS.values():
            detail(np.asarray(outfit.bag) * 0.7, (0.0, 0.07 * sign, 0.03),
                   (0.2, 0.068 * sign, deep), (0.45, 0.08 * sign, deep * 0.7))


def _pelvis(brush: Brush, figure: Figure, outfit: Outfit) -> None:
    drop = 0.02 * figure.stature * figure.pelvis_frame[:, 1]
    left, right = (figure.points[f'{side}_hip'] + drop for side in SIDES)
    radius = figure.body.radius('hip') * figure.stature
    middle, half = (left + right) / 2, np.hypot(*(left - right)[:2]) / 2 + radius
    brush.rounded('pelvis', [hull([left, right], [radius, radius])],
                  (middle - 2 * drop, middle + 2 * drop), (half, half), outfit.bottom)


def _skirt(brush: Brush, figure: Figure, outfit: Outfit) -> None:
    """Paint a skirt, from the hips to a hem that follows the knees."""
    hips, knees = ([figure.points[f'{side}_{joint}'] for side in SIDES]
                   for joint in ('hip', 'knee'))
    hem = [hip + outfit.skirt * (knee - hip) for hip, knee in zip(hips, knees, strict=True)]
    upper = figure.body.radius('hip') * 1.08 * figure.stature
    lower = figure.body.radius('hem') * figure.stature
    polygon = hull(hips + hem, [upper, upper, lower, lower])
    half = np.ptp(polygon[:, 0]) / 2
    brush.rounded('skirt', [polygon], ((hips[0] + hips[1]) / 2, (hem[0] + hem[1]) / 2),
                  (half * 0.8, half), outfit.bottom)


def _bag(brush: Brush, figure: Figure, outfit: Outfit, color: Color) -> None:
    back = -figure.body.radius('chest')
    corners = [figure.on_trunk(level, x, back - z)
               for level in BAG_LEVELS for x in (-0.07, 0.07) for z in (0.015, 0.06)]
    polygon = hull(corners, [0.018 * figure.stature] * len(corners))
    top, low = (figure.on_trunk(level, 0, -0.09) for level in BAG_LEVELS)
    half = np.abs(polygon - top[:2]).max()
    brush.rounded('bag', [polygon], (top, low), (half, half), Cloth(color))
