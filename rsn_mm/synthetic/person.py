"""Paints a posed body part by part, back to front."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from .canvas import Canvas, Light, hull
from .face import paint_ear, paint_head
from .poses import SIDES
from .skeleton import SIGNS, Figure
from .surfaces import Cloth, limb_surface
from .wardrobe import Outfit

#: Parts of a person in the identity buffer.
PARTS = ('head', 'hair', 'neck', 'torso', 'pelvis', 'skirt', 'bag') + tuple(
    f'{side}_{name}' for side in SIDES
    for name in ('ear', 'upper_arm', 'forearm', 'hand', 'thigh', 'shank', 'foot'))
#: Identities of one person are ``IDS_PER_PERSON * (index + 1) + part``; below are things.
IDS_PER_PERSON = 32

#: Radii in parts of the stature.
SHOULDER, ELBOW, WRIST, HAND = 0.040, 0.031, 0.022, 0.027
HIP, KNEE, ANKLE, FOOT = 0.060, 0.044, 0.029, 0.027
CHEST, WAIST, NECK = 0.070, 0.062, 0.032

#: Where depths are equal the later one is painted over; parts of the stature.
OVER_BODY = 0.02


def identity(person: int, part: str) -> int:
    """Return the value of a person's part in the identity buffer."""
    return IDS_PER_PERSON * (person + 1) + PARTS.index(part)


class PersonPainter:
    """Paints one person.

    Args:
        canvas: Where to.
        figure: Pose, place and size.
        outfit: Clothes, skin and hair.
        light: What falls on the person.
        person: Index of the person in the picture.
    """

    def __init__(self, canvas: Canvas, figure: Figure, outfit: Outfit, light: Light, person: int):
        self.canvas, self.figure, self.outfit, self.light = canvas, figure, outfit, light
        self.person = person
        self.points, self.unit = figure.points, figure.stature
        self.girth = figure.body.girth

    def paint(self):
        """Paint all parts, the farthest first."""
        for _, painter in sorted(self._parts(), key=lambda part: part[0]):
            painter()

    def identity(self, part: str) -> int:
        """Return the value of a part of this person in the identity buffer."""
        return identity(self.person, part)

    def _near(self, *names: str) -> float:
        return float(np.mean([self.points[name][2] for name in names])) / self.unit

    def _parts(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """Yield (nearness in parts of the stature, function that paints)."""
        pelvis = self._near('left_hip', 'right_hip')
        thighs = []
        for side in SIDES:
            thighs.append(self._near(f'{side}_hip', f'{side}_knee') - 1.5 * OVER_BODY)
            yield thighs[-1], partial(self._thigh, side)
            shank = self._near(f'{side}_knee', f'{side}_ankle') - 1.2 * OVER_BODY
            yield shank, partial(self._shank, side)
            foot = self._near(f'{side}_ankle', f'{side}_toe') - OVER_BODY
            yield foot, partial(self._foot, side)
            upper_arm = self._near(f'{side}_shoulder', f'{side}_elbow') + OVER_BODY
            yield upper_arm, partial(self._upper_arm, side)
            forearm = self._near(f'{side}_elbow', f'{side}_wrist') + 1.5 * OVER_BODY
            yield forearm, partial(self._forearm, side)
            yield forearm + 0.2 * OVER_BODY, partial(self._hand, side)
        yield pelvis - OVER_BODY, self._pelvis
        torso = self._near('thorax', 'pelvis')
        yield torso, self._torso
        yield self._near('thorax', 'upper_neck') - OVER_BODY, self._neck
        head = self._near('head') + 1.5 * OVER_BODY
        yield head, self._head
        if self.outfit.skirt:
            yield max(pelvis - OVER_BODY, *thighs) + 0.1 * OVER_BODY, self._skirt
        if self.outfit.long_hair:
            yield head - 0.075 * self.figure.head[2, 2], self._hair
        if self.outfit.bag is not None:
            yield torso - 0.11 * self.figure.torso[2, 2], self._bag

    def _capsule(self, part: str, start, end, radius_start, radius_end, cloth: Cloth):
        a, b = radius_start * self.unit, radius_end * self.unit
        self.canvas.fill([hull([start, end], [a, b])],
                         limb_surface(start, end, a, b, cloth, self.light, self.unit),
                         self.identity(part))

    def _clothed(self, part, names, radii, cover: float, cloth: Cloth):
        """Paint a limb, and over it cloth down to a part ``cover`` of its length."""
        start, end = (self.points[name] for name in names)
        cover = min(max(cover, 0.0), 1.0)
        if cover < 1:
            self._capsule(part, start, end, *radii, self.outfit.skin)
        if cover > 0:
            loose = self.outfit.loose
            stop = start + cover * (end - start)
            radius = radii[0] + cover * (radii[1] - radii[0])
            self._capsule(part, start, stop, radii[0] * loose, radius * loose, cloth)

    def _upper_arm(self, side):
        g = self.girth
        self._clothed(f'{side}_upper_arm', (f'{side}_shoulder', f'{side}_elbow'),
                      (SHOULDER * g, ELBOW * g), self.outfit.sleeve, self.outfit.top)

    def _forearm(self, side):
        g = self.girth
        self._clothed(f'{side}_forearm', (f'{side}_elbow', f'{side}_wrist'),
                      (ELBOW * g, WRIST * g), self.outfit.sleeve - 1, self.outfit.top)

    def _hand(self, side):
        wrist, part = self.points[f'{side}_wrist'], f'{side}_hand'
        size = 0.7 + 0.3 * self.girth
        self._capsule(part, wrist, self.points[f'{side}_thumb'], 0.013 * size, 0.008 * size,
                      self.outfit.skin)
        self._capsule(part, wrist, self.points[f'{side}_hand'], WRIST * size, HAND * 0.75 * size,
                      self.outfit.skin)

    def _thigh(self, side):
        g = self.girth
        self._clothed(f'{side}_thigh', (f'{side}_hip', f'{side}_knee'), (HIP * g, KNEE * g),
                      self.outfit.leg, self.outfit.bottom)

    def _shank(self, side):
        g = self.girth
        self._clothed(f'{side}_shank', (f'{side}_knee', f'{side}_ankle'), (KNEE * g, ANKLE * g),
                      self.outfit.leg - 1, self.outfit.bottom)

    def _foot(self, side):
        heel, toe = self.points[f'{side}_heel'], self.points[f'{side}_toe']
        self._capsule(f'{side}_foot', heel, toe, FOOT * 1.1, FOOT * 0.85, self.outfit.shoe)

    def _pelvis(self):
        g, drop = self.girth, 0.02 * self.unit * self.figure.pelvis[:, 1]
        left, right = self.points['left_hip'] + drop, self.points['right_hip'] + drop
        radius = HIP * g * self.unit
        top, low = (left + right) / 2 - 2 * drop, (left + right) / 2 + 2 * drop
        half = np.hypot(*(left - right)[:2]) / 2 + radius
        self.canvas.fill(
            [hull([left, right], [radius, radius])],
            limb_surface(top, low, half, half, self.outfit.bottom, self.light, self.unit),
            self.identity('pelvis'))

    def on_torso(self, level: float, x: float, z: float) -> np.ndarray:
        """Return a point of the trunk in the camera frame.

        Args:
            level: 0 at the thorax, 1 at the pelvis.
            x: To the person's left, parts of the stature.
            z: To the front, parts of the stature.
        """
        center = self.points['thorax'] * (1 - level) + self.points['pelvis'] * level
        mid = 4 * level * (1 - level) * (self.points['waist'] - (
            0.62 * self.points['pelvis'] + 0.38 * self.points['thorax']))
        frame = self.figure.torso * (1 - level) + self.figure.pelvis * level
        return center + mid + self.unit * frame @ [x, 0, z]

    def _torso(self):
        g, body, unit = self.girth, self.figure.body, self.unit
        shoulder = body.shoulder_half - 0.006
        upper = [self.on_torso(0.05, s * shoulder, 0) for s in (-1, 1)]
        chest = [self.on_torso(0.35, s * 0.055 * g, 0.012) for s in (-1, 1)]
        waist = [self.on_torso(0.66, s * 0.040 * g * body.waist, 0.008) for s in (-1, 1)]
        hips = [self.on_torso(0.97, s * body.hip_half, 0) for s in (-1, 1)]
        radius = [SHOULDER * g * unit] * 2, [CHEST * g * unit] * 2, [
            WAIST * g * body.waist * unit] * 2, [HIP * g * 1.05 * unit] * 2
        collar = [self.points['thorax'] * 0.75 + self.points['upper_neck'] * 0.25]
        polygons = [hull(upper + chest + collar, radius[0] + radius[1] + [NECK * g * unit]),
                    hull(chest + waist, radius[1] + radius[2]),
                    hull(waist + hips, radius[2] + radius[3])]
        top, low = self.points['thorax'], self.points['pelvis']
        axis = (low - top)[:2]
        across = np.array([-axis[1], axis[0]]) / max(np.hypot(*axis), 1e-6)
        widths = [np.abs((polygon - top[:2]) @ across).max() for polygon in polygons]
        self.canvas.fill(polygons, limb_surface(top, low, widths[0], widths[2], self.outfit.top,
                                                self.light, unit),
                         self.identity('torso'))
        self._front()

    def _front(self):
        """Paint what tells the chest from the back: neckline, buttons, print, zip, straps."""
        if self.figure.torso[2, 2] < 0.15:
            return
        part, g = self.identity('torso'), self.girth
        skin = self.outfit.skin.table[225].astype(float)
        accent = self.outfit.bottom.table[200].astype(float)
        deep = CHEST * g

        def polygon(corners):
            return hull([self.on_torso(level, x, z) for level, x, z in corners],
                        [0.004 * self.unit] * len(corners))

        self.canvas.fill([polygon([(-0.03, -0.03, 0.02), (-0.03, 0.03, 0.02),
                                   (0.12, 0, 0.8 * deep)])], skin, part)
        if self.outfit.front == 'buttons':
            for level in (0.25, 0.42, 0.59, 0.76):
                self.canvas.fill([polygon([(level, 0, deep)])], accent, part)
        elif self.outfit.front == 'zip':
            self.canvas.fill([polygon([(0.16, 0, deep), (0.9, 0, deep)])], accent, part)
        elif self.outfit.front == 'print':
            self.canvas.fill([polygon([(0.28, -0.035, deep), (0.28, 0.035, deep),
                                       (0.5, 0.03, deep), (0.5, -0.03, deep)])], accent, part)
        if self.outfit.bag is not None:
            for sign in SIGNS.values():
                self.canvas.fill([polygon([(0.0, 0.07 * sign, 0.03), (0.2, 0.068 * sign, deep),
                                           (0.45, 0.08 * sign, deep * 0.7)])],
                                 np.asarray(self.outfit.bag) * 0.7, part)

    def _bag(self):
        corners = [self.on_torso(level, x, -CHEST * self.girth - z)
                   for level in (0.1, 0.75) for x in (-0.07, 0.07) for z in (0.015, 0.06)]
        top, low = self.on_torso(0.1, 0, -0.09), self.on_torso(0.75, 0, -0.09)
        polygon = hull(corners, [0.018 * self.unit] * len(corners))
        half = np.abs(polygon - top[:2]).max()
        self.canvas.fill([polygon], limb_surface(top, low, half, half, Cloth(self.outfit.bag),
                                                 self.light, self.unit),
                         self.identity('bag'))

    def _neck(self):
        self._capsule('neck', self.points['thorax'], self.points['upper_neck'], NECK * self.girth,
                      NECK * 0.92, self.outfit.skin)

    def _skirt(self):
        g = self.girth
        names = [f'{side}_{joint}' for joint in ('hip', 'knee') for side in SIDES]
        hips, knees = ([self.points[n] for n in names[:2]], [self.points[n] for n in names[2:]])
        hem = [h + self.outfit.skirt * (k - h) for h, k in zip(hips, knees, strict=True)]
        radii = [HIP * g * 1.08 * self.unit] * 2 + [(HIP + 0.012) * g * self.unit] * 2
        polygon = hull(hips + hem, radii)
        top, low = sum(hips) / 2, sum(hem) / 2
        half = (np.ptp(polygon[:, 0])) / 2
        self.canvas.fill([polygon], limb_surface(top, low, half * 0.8, half, self.outfit.bottom,
                                                 self.light, self.unit),
                         self.identity('skirt'))

    def _hair(self):
        wide, deep, tall = np.asarray(self.figure.body.head_wdh) * self.unit
        frame, center = self.figure.head, self.points['head']
        top = center + frame @ [0, -0.1 * tall, -0.3 * deep]
        low = center + frame @ [0, 0.5 * tall, -0.55 * deep]
        low = low + np.array([0, self.outfit.long_hair * self.unit, 0])
        side = 0.45 * wide * frame[:, 0]
        polygon = hull([top, low - side, low + side], [wide * 1.05, wide * 0.6, wide * 0.6])
        self.canvas.fill([polygon], limb_surface(top, low, wide * 1.3, wide * 1.3, Cloth(
            self.outfit.head.hair), self.light, self.unit), self.identity('hair'))

    def _head(self):
        for side in SIDES:  # the far ear first, the near one over the head
            if (self.points[f'{side}_ear'] - self.points['head'])[2] < 0:
                paint_ear(self, side)
        paint_head(self)
        for side in SIDES:
            if (self.points[f'{side}_ear'] - self.points['head'])[2] >= 0:
                paint_ear(self, side)
