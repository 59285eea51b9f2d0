"""Who is in an image: people in poses and clothes, each at a place where they fit."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from .body import Body
from .figure import Figure, pose_figure, view_matrix
from .options import SceneOptions
from .poses import PLAIN_FAMILY, sample_pose
from .wardrobe import Outfit

#: How often an image has 1, 2, ... people.
PEOPLE_WEIGHTS = (1.2, 1.5, 1.0, 0.7, 0.5, 0.4, 0.3)
#: Poses in which a skirt hangs as it is painted.
SKIRT_FAMILIES = (PLAIN_FAMILY, 'arms_up', 'walking')

#: Statures in parts of the height of the picture: the farthest people, and the nearest ones by
#: the number of people in the image.
FARTHEST = 0.48
NEAREST, NEAREST_OF_MANY = {1: 0.92, 2: 0.86}, 0.78
#: Part of the people who are so close to the camera that they do not fit into the picture.
CLOSE_UP = 0.06
CLOSE_UP_STATURE, CLOSE_UP_NEAR = (1.0, 1.3), 1.6

#: Places that are tried for a person; the first, lenient ones may be beside somebody else.
TRIES, LENIENT_TRIES = 12, 6
#: Part of a person's box that has to be inside the picture, and the factor on it for lenient tries.
INSIDE, INSIDE_CLOSE_UP, LENIENCE = 0.93, 0.55, 0.6


@dataclass(frozen=True)
class Actor:
    """A person in an image."""

    figure: Figure
    family: str  #: of the pose
    outfit: Outfit
    near: float  #: 0 for the farthest people, 1 for the nearest, more for a close-up
    ground: float  #: height of the floor under the figure in pixels of the picture

    @classmethod
    def sample(cls, rng: Generator, options: SceneOptions, pitch: float,
               nearest: float) -> 'Actor':
        """Draw a person whose pelvis is at (0, 0).

        The camera looks down by ``pitch`` degrees; ``nearest`` is the stature of the nearest
        people in parts of the height of the picture.
        """
        family, pose = sample_pose(rng, options.pose_variety)
        outfit = Outfit.sample(rng, can_wear_skirt=family in SKIRT_FAMILIES)
        view = view_matrix(_yaw(rng, options.pose_variety), pitch,
                           rng.normal(0, 3) * options.pose_variety)
        height = options.size_wh[1]
        near = rng.random()
        stature = height * (FARTHEST + (nearest - FARTHEST) * near)
        if rng.random() < CLOSE_UP:
            stature, near = height * rng.uniform(*CLOSE_UP_STATURE), CLOSE_UP_NEAR
        figure = pose_figure(Body.sample(rng), pose, view, stature)
        ground = max(point[1] for point in figure.points.values()) + 0.02 * stature
        return cls(figure, family, outfit, near, ground)

    def placed(self, x: float, ground: float) -> 'Actor':
        """Return the person moved by ``x`` to the right, and on the floor at ``ground``."""
        return replace(self, figure=self.figure.moved(x, ground - self.ground), ground=ground)


def cast_people(rng: Generator, options: SceneOptions, pitch: float) -> list[Actor]:
    """Draw people and find a place for each, at least for one; the farthest come first."""
    weights = np.array(PEOPLE_WEIGHTS[:options.people_max])
    number = 1 + rng.choice(len(weights), p=weights / weights.sum())
    actors: list[Actor] = []
    for _ in range(number):
        actor = Actor.sample(rng, options, pitch, NEAREST.get(number, NEAREST_OF_MANY))
        x, ground, fits = _find_place(rng, options, actor, actors)
        if fits:
            actors.append(actor.placed(x, ground))
    if not actors:  # the last one who was drawn goes to the middle
        actors.append(actor.placed(options.size_wh[0] / 2, ground))
    return sorted(actors, key=lambda actor: actor.ground)


def _yaw(rng: Generator, variety: float) -> float:
    """Draw where somebody looks: most face the camera, some turn their side or back to it."""
    kind = rng.random()
    if kind >= variety * 0.4:
        return rng.normal(0, 6 + 16 * variety)
    if kind < variety * 0.2:
        return 180 + rng.normal(0, 6 + 24 * variety)
    return rng.choice((-1, 1)) * rng.uniform(30, 100)


def _find_place(rng: Generator, options: SceneOptions, actor: Actor,
                others: list[Actor]) -> tuple[float, float, bool]:
    """Try some places; return x and ground of the last one, and whether the person fits there."""
    width, height = options.size_wh
    for attempt in range(TRIES):
        lenient = attempt < LENIENT_TRIES
        x = rng.uniform(0.08, 0.92) * width
        if others and lenient and rng.random() < options.occlusion:
            beside = others[rng.integers(len(others))].figure
            x = beside.points['pelvis'][0] + rng.choice((-1, 1)) * rng.uniform(
                0.15, 0.4) * beside.stature
        ground = height * (0.74 + 0.22 * actor.near + rng.uniform(-0.03, 0.03))
        if _fits(actor.placed(x, ground).figure, options, LENIENCE if lenient else 1.0, others):
            return x, ground, True
    return x, ground, False


def _fits(figure: Figure, options: SceneOptions, strictness: float,
          others: list[Actor]) -> bool:
    """Tell whether enough of a person is inside the picture and apart from the others."""
    box = figure.box_xyxy()
    wanted = INSIDE_CLOSE_UP if figure.stature > options.size_wh[1] else INSIDE
    inside = _overlap(box, np.array([0, 0, *options.size_wh])) / _area(box)
    if inside < wanted * strictness:
        return False
    allowed = 0.04 + 0.8 * options.occlusion
    boxes = [other.figure.box_xyxy() for other in others]
    return all(_overlap(box, other) <= allowed * min(_area(box), _area(other)) for other in boxes)


def _area(box: np.ndarray) -> float:
    return float(np.prod(np.maximum(box[2:] - box[:2], 0)))


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    return _area(np.concatenate([np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])]))
