"""Which joints are seen: read from the identity buffer of a painted picture."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .body import SIDES, person_ids
from .canvas import SUPERSAMPLING, Canvas
from .figure import Figure
from .head import FACE

UNLABELED, OCCLUDED, VISIBLE = 0, 1, 2

#: Joint -> the parts that meet in it. A joint with one of them in front is visible.
CARRIERS: dict[str, tuple[str, ...]] = dict(
    nose=('head',), head_top=('head', 'hair'), upper_neck=('neck', 'head', 'hair'),
    thorax=('torso', 'neck'), pelvis=('pelvis', 'torso', 'skirt'))
for _side in SIDES:
    CARRIERS.update({
        f'{_side}_eye': ('head',), f'{_side}_ear': (f'{_side}_ear', 'head'),
        f'{_side}_shoulder': (f'{_side}_upper_arm',),
        f'{_side}_elbow': (f'{_side}_upper_arm', f'{_side}_forearm'),
        f'{_side}_wrist': (f'{_side}_forearm', f'{_side}_hand'),
        f'{_side}_hip': (f'{_side}_thigh',),
        f'{_side}_knee': (f'{_side}_thigh', f'{_side}_shank'),
        f'{_side}_ankle': (f'{_side}_shank', f'{_side}_foot')})
#: Clothes that carry a shoulder or hip as well, unless it is on the far side of a turned body.
TRUNK = ('torso', 'pelvis', 'skirt')
#: A shoulder or hip is on the far side if it is this far behind the middle of the trunk, in parts
#: of its distance from the middle.
BEHIND_TRUNK = 0.75

#: A hidden joint is labeled if this much of some limb that meets in it can be seen: somebody who
#: labels pictures needs that much to say where it is.
LIMB_SEEN = 0.05
#: Points on the outline of the head are looked up a little inside: this part of the way to its
#: middle.
INWARDS = 0.1


@dataclass(frozen=True)
class PersonLabel:
    """What the picture shows of one person, in pixels."""

    points: dict[str, tuple[float, float, int]]  #: joint -> x, y and flag 0, 1 or 2
    bbox_xywh: tuple[float, float, float, float]  #: around what is seen; edges of pixels
    area: float  #: number of pixels that are seen
    head_xyxy: tuple[float, float, float, float]  #: around the whole head, seen or not


def label_person(canvas: Canvas, figure: Figure, person: int) -> PersonLabel | None:
    """Label the person of an index from 0 on a finished canvas; ``None`` if nothing is seen.

    A joint is visible (2) if what the identity buffer holds at its place carries the joint,
    occluded (1) if it holds anything else. It is unlabeled (0) outside the picture, on the far
    side of the person's own head, and where no limb that meets in it is seen.
    """
    ids = person_ids(person)
    mine = (canvas.ids >= min(ids.values())) & (canvas.ids <= max(ids.values()))
    rows, columns = np.flatnonzero(mine.any(1)), np.flatnonzero(mine.any(0))
    if not len(rows):
        return None
    x0, y0 = columns[0] / SUPERSAMPLING, rows[0] / SUPERSAMPLING
    x1, y1 = (columns[-1] + 1) / SUPERSAMPLING, (rows[-1] + 1) / SUPERSAMPLING
    seen = np.bincount(canvas.ids[mine], minlength=256)
    share = {part: seen[value] / max(canvas.painted[value], 1) for part, value in ids.items()}
    points = {}
    for joint in CARRIERS:
        x, y = (float(v) for v in figure.points[joint][:2])
        points[joint] = (x, y, _flag(canvas, figure, ids, joint, share))
    outline = figure.head.outline()
    (left, top), (right, low) = outline.min(0).tolist(), outline.max(0).tolist()
    return PersonLabel(points, (x0, y0, x1 - x0, y1 - y0), float(mine.sum()) / SUPERSAMPLING**2,
                       (left, top, right, low))


def _flag(canvas: Canvas, figure: Figure, ids: Mapping[str, int], joint: str,
          share: Mapping[str, float]) -> int:
    x, y, _ = point = figure.points[joint]
    if not (-0.5 <= x < canvas.width - 0.5 and -0.5 <= y < canvas.height - 0.5):
        return UNLABELED
    if joint in FACE and not figure.head.shows(joint):
        return UNLABELED
    if joint == 'head_top' or joint in FACE and not joint.endswith('_ear'):
        point = point + INWARDS * (figure.points['head'] - point)
    if canvas.identity_at(point) in [ids[part] for part in _carriers(figure, joint)]:
        return VISIBLE
    known = max(share[part] for part in CARRIERS[joint])
    return OCCLUDED if known >= LIMB_SEEN else UNLABELED


def _carriers(figure: Figure, joint: str) -> tuple[str, ...]:
    side, _, name = joint.partition('_')
    if name not in ('shoulder', 'hip'):
        return CARRIERS[joint]
    half = figure.body.shoulder_half if name == 'shoulder' else figure.body.hip_half
    other = figure.points[f'{SIDES[1 - SIDES.index(side)]}_{name}']
    nearness = (figure.points[joint] - other)[2] / 2 / (half * figure.stature)
    return CARRIERS[joint] + (TRUNK if nearness > -BEHIND_TRUNK else ())
