"""One image: who stands where, what is in front of what, and the labels of what is seen."""

from dataclasses import dataclass

import cv2
import numpy as np

from .backdrops import sample_backdrop
from .canvas import Canvas, Light, ellipse
from .keypoints import PersonLabel, label_person
from .options import SPLITS, SceneOptions
from .person import PersonPainter
from .poses import PLAIN_FAMILY, sample_pose
from .skeleton import Body, Figure, pose_figure, view_matrix
from .things import paint_obstacle, paint_seat
from .wardrobe import Outfit

#: Poses in which a skirt hangs as it is painted.
_SKIRT_FAMILIES = (PLAIN_FAMILY, 'arms_up', 'walking')
_PLACE_TRIES = 12


@dataclass(frozen=True)
class Scene:
    """A generated image.

    Args:
        picture: (h, w, 3) uint8 BGR.
        labels: People of whom anything is seen, the farthest first.
        ids: (h * S, w * S) uint8 identity buffer, S samples per pixel.
        figures: The posed bodies of ``labels``.
    """

    picture: np.ndarray
    labels: list[PersonLabel]
    ids: np.ndarray
    figures: list[Figure]


@dataclass(frozen=True)
class _Actor:
    figure: Figure
    family: str
    outfit: Outfit
    ground: float


def image_rng(seed: int, split: str, index: int) -> np.random.Generator:
    """Return the source of everything random in image ``index`` of a split."""
    key = np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index))
    return np.random.Generator(np.random.PCG64(key))


def generate_scene(rng: np.random.Generator, options: SceneOptions) -> Scene:
    """Generate one image with its labels."""
    light = Light.sample(rng)
    pitch = float(rng.normal(3, 5))
    canvas = Canvas(sample_backdrop(rng, options.size_wh))
    actors = sorted(_cast(rng, options, pitch), key=lambda actor: actor.ground)
    for person, actor in enumerate(actors):
        _paint_shadow(canvas, actor)
        if actor.family == 'sitting':
            paint_seat(canvas, rng, light, actor.figure.points['pelvis'], actor.ground,
                       actor.figure.stature)
        PersonPainter(canvas, actor.figure, actor.outfit, light, person).paint()
    for _ in range(rng.binomial(2, 0.7 * options.occlusion)):
        target = actors[rng.integers(len(actors))]
        x = target.figure.points['pelvis'][0] + rng.uniform(-0.35, 0.35) * target.figure.stature
        ground = target.ground + 0.05 * target.figure.stature
        paint_obstacle(canvas, rng, light, float(x), float(ground), target.figure.stature)
    labeled = [(label_person(canvas, actor.figure, person), actor.figure)
                for person, actor in enumerate(actors)]
    labeled = [(label, figure) for label, figure in labeled if label is not None]
    picture = _degrade(rng, canvas.finish(), options.degradation)
    return Scene(picture, [label for label, _ in labeled], canvas.ids,
                 [figure for _, figure in labeled])


def _cast(rng: np.random.Generator, options: SceneOptions, pitch: float) -> list[_Actor]:
    """Draw people and find each a place; at least one gets one."""
    width, height = options.size_wh
    weights = np.array([1.2, 1.5, 1.0, 0.7, 0.5, 0.4, 0.3][:options.people_max])
    wanted = 1 + rng.choice(len(weights), p=weights / weights.sum())
    tallest = {1: 0.92, 2: 0.86}.get(wanted, 0.78)
    actors: list[_Actor] = []
    for _ in range(wanted):
        family, pose = sample_pose(rng, options.pose_variety)
        outfit = Outfit.sample(rng, can_wear_skirt=family in _SKIRT_FAMILIES)
        view = view_matrix(_yaw(rng, options.pose_variety), pitch,
                           float(rng.normal(0, 3)) * options.pose_variety)
        near = rng.random()
        stature = height * (0.48 + (tallest - 0.48) * near)
        if rng.random() < 0.06:  # close to the camera, the feet below the picture
            stature, near = height * rng.uniform(1.0, 1.3), 1.6
        figure = pose_figure(Body.sample(rng), pose, view, stature)
        lowest = max(p[1] for p in figure.points.values()) + 0.02 * stature
        for attempt in range(_PLACE_TRIES):
            x = rng.uniform(0.08, 0.92) * width
            if actors and attempt < _PLACE_TRIES // 2 and rng.random() < options.occlusion:
                beside = actors[rng.integers(len(actors))].figure
                x = beside.points['pelvis'][0] + rng.choice((-1, 1)) * rng.uniform(
                    0.15, 0.4) * beside.stature
            ground = height * (0.74 + 0.22 * near + rng.uniform(-0.03, 0.03))
            placed = figure.moved(x, ground - lowest)
            if _fits(placed, actors, options, 0.6 if attempt < _PLACE_TRIES // 2 else 1.0):
                actors.append(_Actor(placed, family, outfit, float(ground)))
                break
    if not actors:  # nobody found a place: the last one drawn goes to the middle
        actors.append(_Actor(figure.moved(width / 2, ground - lowest), family, outfit,
                             float(ground)))
    return actors


def _yaw(rng: np.random.Generator, variety: float) -> float:
    """Draw where somebody looks: most face the camera, some turn their side or back to it."""
    kind = rng.random()
    if kind >= variety * 0.4:
        return float(rng.normal(0, 6 + 16 * variety))
    if kind < variety * 0.2:
        return 180 + float(rng.normal(0, 6 + 24 * variety))
    return float(rng.choice((-1, 1)) * rng.uniform(30, 100))


def _fits(figure: Figure, others: list[_Actor], options: SceneOptions, strictness: float) -> bool:
    """Tell whether a person is enough inside the picture and apart from the others."""
    box = figure.extent_xyxy()
    inside = _shared(box, np.array([0, 0, *options.size_wh])) / _extent(box)
    if inside < (0.55 if figure.stature > options.size_wh[1] else 0.93) * strictness:
        return False
    allowed = 0.04 + 0.8 * options.occlusion
    return all(_shared(box, other.figure.extent_xyxy()) <= allowed * min(
        _extent(box), _extent(other.figure.extent_xyxy())) for other in others)


def _extent(box: np.ndarray) -> float:
    return float(np.prod(np.maximum(box[2:] - box[:2], 0)))


def _shared(a: np.ndarray, b: np.ndarray) -> float:
    return _extent(np.concatenate([np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])]))


def _paint_shadow(canvas: Canvas, actor: _Actor):
    points, size = actor.figure.points, actor.figure.stature
    for factor, grow in ((0.88, 1.0), (0.8, 0.65)):
        middle = (points['left_ankle'][0] + points['right_ankle'][0]) / 2
        spread = abs(points['left_ankle'][0] - points['right_ankle'][0]) / 2 + 0.13 * size
        canvas.darken(ellipse((middle, actor.ground), (spread * grow, 0.035 * size * grow)),
                      factor)


def _degrade(rng: np.random.Generator, picture: np.ndarray, amount: float) -> np.ndarray:
    """Return the picture as a mediocre camera sees it: exposure, color cast, blur and noise."""
    gain = 1 + amount * rng.uniform(-0.4, 0.3) + amount * rng.uniform(-0.1, 0.1, 3)
    offset = amount * rng.uniform(-18, 22)
    blur = rng.random() < 0.5 * amount
    sigma, streak = rng.uniform(0.4, 1.3), int(rng.integers(2, 5))
    if blur and rng.random() < 0.75:
        picture = cv2.GaussianBlur(picture, (5, 5), sigma)
    elif blur:
        picture = cv2.blur(picture, (streak, 1) if rng.random() < 0.5 else (1, streak))
    levels = np.arange(256, dtype=np.float32)[:, None] * gain + offset
    picture = cv2.LUT(picture, np.clip(levels, 0, 255).astype(np.uint8)[:, None])
    grain = amount * rng.uniform(0, 14)
    if grain < 0.5:
        return picture
    # Grain of one small tile, at random places, costs a tenth of fresh grain everywhere.
    tile = rng.standard_normal((61, 67, 3), np.float32) * np.float32(grain)
    height, width = picture.shape[:2]
    noise = np.tile(tile, (-(-height // 61), -(-width // 67), 1))[:height, :width]
    return cv2.add(picture, noise, dtype=cv2.CV_8U)
