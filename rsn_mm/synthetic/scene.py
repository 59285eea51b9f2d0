"""One image: people and things painted from back to front, and the labels of what is seen."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .backdrops import sample_backdrop
from .canvas import Canvas, ellipse
from .cast import Actor, cast_people
from .labels import PersonLabel, label_person
from .options import SPLITS, SceneOptions
from .person import paint_person
from .surfaces import Brush, Light
from .things import THING_IDS, paint_obstacle, paint_seat

#: Height and width of the tile of grain.
TILE_HW = (61, 67)


@dataclass(frozen=True)
class Scene:
    """A generated image."""

    picture: np.ndarray  #: (h, w, 3) uint8 BGR
    labels: list[PersonLabel]  #: people of whom anything is seen, the farthest first
    ids: np.ndarray  #: (h * S, w * S) uint8 identity buffer with S samples per pixel


def image_rng(seed: int, split: str, index: int) -> Generator:
    """Return the source of everything random in image ``index`` of a split."""
    key = np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index))
    return Generator(np.random.PCG64(key))


def generate_scene(rng: Generator, options: SceneOptions) -> Scene:
    """Generate one image with its labels."""
    light = Light.sample(rng)
    pitch = rng.normal(3, 5)
    canvas = Canvas(sample_backdrop(rng, options.size_wh))
    actors = cast_people(rng, options, pitch)
    for person, actor in enumerate(actors):
        _paint_shadow(canvas, actor)
        if actor.family == 'sitting':
            paint_seat(Brush(canvas, light, actor.figure.stature, THING_IDS), rng,
                       actor.figure.points['pelvis'], actor.ground)
        paint_person(canvas, actor.figure, actor.outfit, light, person)
    for _ in range(rng.binomial(2, 0.7 * options.occlusion)):
        target = actors[rng.integers(len(actors))]
        stature = target.figure.stature
        x = target.figure.points['pelvis'][0] + rng.uniform(-0.35, 0.35) * stature
        paint_obstacle(Brush(canvas, light, stature, THING_IDS), rng, float(x),
                       target.ground + 0.05 * stature)
    labels = [label_person(canvas, actor.figure, person) for person, actor in enumerate(actors)]
    picture = _degrade(rng, canvas.finish(), options.degradation)
    return Scene(picture, [label for label in labels if label is not None], canvas.ids)


def _paint_shadow(canvas: Canvas, actor: Actor) -> None:
    left, right = (actor.figure.points[f'{side}_ankle'][0] for side in ('left', 'right'))
    spread = abs(left - right) / 2 + 0.13 * actor.figure.stature
    for factor, grow in ((0.88, 1.0), (0.8, 0.65)):
        axes = (spread * grow, 0.035 * actor.figure.stature * grow)
        canvas.darken(ellipse(((left + right) / 2, actor.ground), axes), factor)


def _degrade(rng: Generator, picture: np.ndarray, amount: float) -> np.ndarray:
    """Return the picture as a mediocre camera sees it: exposure, color cast, blur and noise."""
    gain = 1 + amount * rng.uniform(-0.4, 0.3) + amount * rng.uniform(-0.1, 0.1, 3)
    offset = amount * rng.uniform(-18, 22)
    blurred = rng.random() < 0.5 * amount
    sigma, streak = rng.uniform(0.4, 1.3), int(rng.integers(2, 5))
    if blurred and rng.random() < 0.75:
        picture = cv2.GaussianBlur(picture, (5, 5), sigma)
    elif blurred:  # the camera or the people moved
        picture = cv2.blur(picture, (streak, 1) if rng.random() < 0.5 else (1, streak))
    levels = np.arange(256, dtype=np.float32)[:, None] * gain + offset
    picture = cv2.LUT(picture, np.clip(levels, 0, 255).astype(np.uint8)[:, None])
    grain = amount * rng.uniform(0, 14)
    if grain < 0.5:
        return picture
    # A small tile of noise that is repeated costs a tenth of fresh noise everywhere.
    tile = rng.standard_normal((*TILE_HW, 3), np.float32) * np.float32(grain)
    height, width = picture.shape[:2]
    repeats = -(-height // TILE_HW[0]), -(-width // TILE_HW[1]), 1
    return cv2.add(picture, np.tile(tile, repeats)[:height, :width], dtype=cv2.CV_8U)
