"""MPII files of drawn numbers, without images."""

import json
from pathlib import Path

import numpy as np
from scipy.io import savemat

ANNOTATIONS, HEAD_BOXES = 'mpii_val.json', 'mpii_gt_val.mat'


def draw_persons(count: int, seed: int = 0) -> list[dict]:
    """Persons with 16 joints each, some of them unlabeled; positions count from 1."""
    rng = np.random.default_rng(seed)
    persons = []
    for i in range(count):
        visible = rng.random(16) < 0.8
        visible[rng.integers(16)] = True
        joints = np.where(visible[:, None], rng.uniform(1, 600, (16, 2)).round(2), -1)
        persons.append(dict(
            image=f'{i // 2:09d}.jpg', center=rng.uniform(200, 400, 2).round(2).tolist(),
            scale=round(rng.uniform(1, 3), 4), joints=joints.tolist(),
            joints_vis=visible.astype(int).tolist()))
    return persons


def draw_head_boxes(count: int, seed: int = 1) -> np.ndarray:
    """(corner 2, xy 2, person N)."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(1, 500, (2, count))
    return np.stack([corner, corner + rng.uniform(20, 90, (2, count))])


def write_persons(folder: Path, persons: list[dict], name: str = ANNOTATIONS) -> Path:
    path = folder / name
    path.write_text(json.dumps(persons))
    return path


def write_head_boxes(folder: Path, boxes: np.ndarray, **others: np.ndarray) -> Path:
    path = folder / HEAD_BOXES
    savemat(path, dict(headboxes_src=boxes, **others))
    return path


def positions_of(persons: list[dict]) -> np.ndarray:
    """The joints as the MATLAB file has them, (joint 16, xy 2, person N)."""
    return np.array([person['joints'] for person in persons]).transpose(1, 2, 0)


def write_both(folder: Path, count: int = 20) -> list[dict]:
    """Annotations and head boxes that fit together."""
    persons = draw_persons(count)
    write_persons(folder, persons)
    write_head_boxes(folder, draw_head_boxes(count), pos_gt_src=positions_of(persons),
                     jnt_missing=1 - np.array([p['joints_vis'] for p in persons]).T)
    return persons
