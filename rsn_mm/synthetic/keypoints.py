"""Which joints are seen: read from the identity buffer of a painted picture."""

from dataclasses import dataclass

import numpy as np

from .canvas import SUPERSAMPLING, Canvas
from .face import EAR_BEHIND, FACING, facing
from .person import IDS_PER_PERSON, PARTS, identity
from .poses import SIDES
from .skeleton import SIGNS, Figure
from .surfaces import head_ellipse

UNLABELED, OCCLUDED, VISIBLE = 0, 1, 2

#: A hidden joint is labeled if this much of some limb that meets in it can be seen: that much a
#: person who labels pictures needs to say where it is.
LIMB_SEEN = 0.05
#: The far shoulder and hip of a turned body are behind the trunk from this part of their distance
#: to the middle on.
BEHIND_TRUNK = 0.75

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

#: Parts under which a near shoulder or hip still counts as seen, as clothes do.
TRUNK = ('torso', 'pelvis', 'skirt')


@dataclass(frozen=True)
class PersonLabel:
    """What the picture shows of one person.

    Args:
        points: Joint -> (x, y) in pixels and flag 0, 1 or 2, see :func:`label_person`.
        bbox_xywh: (4,) box around what is seen, in pixels; edges, not pixel centers.
        area: Pixels that are seen.
        head_xyxy: (4,) box around the whole head, seen or not, in pixels.
    """

    points: dict[str, tuple[float, float, int]]
    bbox_xywh: tuple[float, float, float, float]
    area: float
    head_xyxy: tuple[float, float, float, float]


def label_person(canvas: Canvas, figure: Figure, person: int) -> PersonLabel | None:
    """Label one person of a finished canvas.

    A joint is visible (2) if what the identity buffer holds at its place carries the joint,
    occluded (1) if it holds anything else. It is unlabeled (0) outside the picture, on the far
    side of the person's own head, and where no limb that meets in it is seen.

    Args:
        canvas: The picture with everything painted.
        figure: The person's pose and place.
        person: Index of the person in the picture.

    Returns:
        The label, or ``None`` where nothing of the person is seen.
    """
    first = identity(person, PARTS[0])
    mine = (canvas.ids >= first) & (canvas.ids < first + IDS_PER_PERSON)
    rows, columns = np.flatnonzero(mine.any(1)), np.flatnonzero(mine.any(0))
    if not len(rows):
        return None
    x0, y0 = columns[0] / SUPERSAMPLING, rows[0] / SUPERSAMPLING
    x1, y1 = (columns[-1] + 1) / SUPERSAMPLING, (rows[-1] + 1) / SUPERSAMPLING
    seen = np.bincount(canvas.ids[mine], minlength=256)
    share = {part: seen[identity(person, part)] / max(canvas.painted[identity(person, part)], 1)
             for part in PARTS}
    points = {}
    for joint in CARRIERS:
        x, y = (float(v) for v in figure.points[joint][:2])
        points[joint] = (x, y, _flag(canvas, figure, person, joint, share))
    wide, deep, tall = np.asarray(figure.body.head_wdh) * figure.stature
    head = head_ellipse(figure.points['head'], figure.head, (wide, tall, deep))
    return PersonLabel(points, (x0, y0, x1 - x0, y1 - y0), float(mine.sum()) / SUPERSAMPLING**2,
                       (*map(float, head.min(0)), *map(float, head.max(0))))


def _flag(canvas: Canvas, figure: Figure, person: int, joint: str, share: dict) -> int:
    if _behind_own_head(figure, joint):
        return UNLABELED
    point = figure.points[joint]
    if not (-0.5 <= point[0] < canvas.width - 0.5 and -0.5 <= point[1] < canvas.height - 0.5):
        return UNLABELED
    front = canvas.ids_at(_sampled_at(figure, joint))
    if front in [identity(person, part) for part in _carriers(figure, joint)]:
        return VISIBLE
    known = max(share[part] for part in CARRIERS[joint])
    return OCCLUDED if known >= LIMB_SEEN else UNLABELED


def _carriers(figure: Figure, joint: str) -> tuple[str, ...]:
    side, _, name = joint.partition('_')
    if name not in ('shoulder', 'hip'):
        return CARRIERS[joint]
    half = figure.body.shoulder_half if name == 'shoulder' else figure.body.hip_half
    other = figure.points[f'{SIDES[1 - SIDES.index(side)]}_{name}']
    depth = (figure.points[joint] - other)[2] / 2 / (half * figure.stature)
    return CARRIERS[joint] + (TRUNK if depth > -BEHIND_TRUNK else ())


def _behind_own_head(figure: Figure, joint: str) -> bool:
    side, _, name = joint.partition('_')
    if joint == 'nose':
        return facing(figure.head, 0, 0.1, 1.0) < -0.1
    if name == 'eye':
        return facing(figure.head, 0.36 * SIGNS[side], -0.1, 0.91) < FACING
    if name == 'ear':
        wide = figure.body.head_wdh[0] * figure.stature
        return (figure.points[joint] - figure.points['head'])[2] < EAR_BEHIND * wide
    return False


def _sampled_at(figure: Figure, joint: str) -> np.ndarray:
    """Return where to look: points on the outline of the head are moved a little inwards."""
    point = figure.points[joint]
    if joint in ('nose', 'head_top') or joint.endswith('_eye'):
        return point + 0.1 * (figure.points['head'] - point)
    return point
