"""Images whose joints are dots, each joint in a color of its own, and their labels in each format.

A label is right if it lies on the dot of its color.
"""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import yaml

JOINTS = ['nose', 'left_ear', 'right_ear', 'tail']
LINKS = [['nose', 'left_ear'], ['left_ear', 'tail']]
#: BGR; no color of a dot occurs in another one's place.
COLORS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], np.uint8)
SIZE_WH = (64, 48)
#: Positions (images, joints, 2); NaN is not labeled.
POSITIONS = np.array([
    [[10, 8], [20, 12], [14, 30], [40, 22]],
    [[50, 40], [33, 9], [np.nan, np.nan], [7, 25]],
    [[30, 20], [45, 31], [22, 41], [12, 6]],
], float)
NAMES = ['a.png', 'b.png', 'c.png']


def draw(path: Path, positions: np.ndarray, size_wh: tuple[int, int] = SIZE_WH) -> None:
    """Write an image with a dot of 3 x 3 pixels for every joint."""
    image = np.full((size_wh[1], size_wh[0], 3), 100, np.uint8)
    for (x, y), color in zip(positions, COLORS):
        if np.isfinite(x):
            image[int(y) - 1:int(y) + 2, int(x) - 1:int(x) + 2] = color
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def colors_at(image: np.ndarray, joints: np.ndarray) -> list[list[int]]:
    """The pixel at each position (K, 2)."""
    return [image[round(y), round(x)].tolist() for x, y in joints]


def keypoints(positions: np.ndarray, flag: int = 2) -> list[float]:
    return [value for x, y in positions
            for value in ((x, y, flag) if np.isfinite(x) else (0, 0, 0))]


def write_json(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_cvat(folder: Path, subset: str = 'default') -> Path:
    """CVAT: images/SUBSET, labels without joints among the categories, tight boxes, attributes."""
    for name, positions in zip(NAMES, POSITIONS):
        draw(folder / 'images' / subset / name, positions)
    images = [dict(id=i, width=SIZE_WH[0], height=SIZE_WH[1], file_name=name, license=0,
                   flickr_url='', coco_url='', date_captured=0)
              for i, name in enumerate(NAMES, 1)]
    annotations = []
    for i, positions in enumerate(POSITIONS, 1):
        low, high = np.nanmin(positions, 0), np.nanmax(positions, 0)
        annotations.append(dict(
            id=i, image_id=i, category_id=2, segmentation=[], area=float(np.prod(high - low)),
            bbox=[*low.tolist(), *(high - low).tolist()], iscrowd=0,
            attributes=dict(occluded=False), keypoints=keypoints(positions),
            num_keypoints=int(np.isfinite(positions[:, 0]).sum())))
    links = [[JOINTS.index(a) + 1, JOINTS.index(b) + 1] for a, b in LINKS]
    categories = [dict(id=1, name='cage', supercategory='', keypoints=[], skeleton=[]),
                  dict(id=2, name='mouse', supercategory='', keypoints=JOINTS, skeleton=links)]
    write_json(folder / 'annotations' / f'person_keypoints_{subset}.json', dict(
        licenses=[dict(name='', id=0, url='')], info=dict(contributor=''), categories=categories,
        images=images, annotations=annotations))
    return folder


def write_roboflow(folder: Path) -> Path:
    """Roboflow: a folder per split, labels among the images, ids from 0, no num_keypoints."""
    for split, chosen in (('train', (0, 1)), ('valid', (2, ))):
        images, annotations = [], []
        for i, k in enumerate(chosen):
            name = f'{NAMES[k][0]}_png.rf.0123456789abcdef.png'
            draw(folder / split / name, POSITIONS[k])
            images.append(dict(id=i, license=1, file_name=name, height=SIZE_WH[1],
                               width=SIZE_WH[0], date_captured='', extra=dict(name=NAMES[k])))
            annotations.append(dict(
                id=i, image_id=i, category_id=1, bbox=[2, 3, 55, 42], area=2310, segmentation=[],
                iscrowd=0, keypoints=keypoints(POSITIONS[k])))
        write_json(folder / split / '_annotations.coco.json', dict(
            info=dict(year='2026'), licenses=[], images=images, annotations=annotations,
            categories=[dict(id=0, name='mice', supercategory='none'),
                        dict(id=1, name='mouse', supercategory='mice', keypoints=JOINTS,
                             skeleton=[[1, 2], [2, 4]])]))
    return folder


def write_deeplabcut(folder: Path, new_index: bool = False, animals: int = 0) -> Path:
    """DeepLabCut: two videos; with ``new_index`` the path of a frame is three cells."""
    config = dict(Task='mice', scorer='me', multianimalproject=bool(animals),
                  bodyparts='MULTI!' if animals else JOINTS, skeleton=LINKS)
    if animals:
        config |= dict(multianimalbodyparts=JOINTS, uniquebodyparts=['corner'],
                       individuals=[f'm{i}' for i in range(animals)])
    for video, chosen in (('one', (0, 1)), ('two', (2, ))):
        names = [f'm{i}' for i in range(animals)] or ['']
        columns = [(animal, joint, axis) for animal in names for joint in JOINTS for axis in 'xy']
        if animals:
            columns += [('single', 'corner', axis) for axis in 'xy']
        index = ['', ''] if new_index else []
        header = dict(scorer=['me'] * len(columns), individuals=[c[0] for c in columns],
                      bodyparts=[c[1] for c in columns], coords=[c[2] for c in columns])
        if not animals:
            header.pop('individuals')
        rows = [[name, *index, *cells] for name, cells in header.items()]
        for k in chosen:
            draw(folder / 'labeled-data' / video / NAMES[k], POSITIONS[k])
            # Only the last animal is in the images.
            cells = [''] * 8 * (max(animals, 1) - 1) + [
                '' if np.isnan(value) else str(value) for value in POSITIONS[k].ravel()]
            path = ['labeled-data', video, NAMES[k]]
            rows.append([*(path if new_index else ['\\'.join(path)]), *cells,
                         *(['1.0', '2.0'] if animals else [])])
        with open(folder / 'labeled-data' / video / 'CollectedData_me.csv', 'w',
                  newline='') as file:
            csv.writer(file).writerows(rows)
    (folder / 'config.yaml').write_text(yaml.safe_dump(config))
    return folder


def result(kind: str, label: str, **value: float) -> dict:
    """A result of Label Studio; lengths are percent of the image."""
    width, height = SIZE_WH
    percent = {key: 100 * v / (width if key in ('x', 'width') else height)
               for key, v in value.items()}
    return dict(original_width=width, original_height=height, image_rotation=0, type=kind,
                value={**percent, kind: [label]}, from_name='kp', to_name='img')


def write_label_studio(folder: Path, outline: str = 'after', shuffled: bool = False) -> Path:
    """Label Studio: points with the names of their joints and a rectangle before or after them."""
    tasks = []
    for k, (name, positions) in enumerate(zip(NAMES, POSITIONS)):
        draw(folder / name, positions)
        points = [result('keypointlabels', joint, x=x, y=y)
                  for joint, (x, y) in zip(JOINTS, positions) if np.isfinite(x)]
        if shuffled and k:  # the first task has the order of the joints
            points.reverse()
        box = [result('rectanglelabels', 'mouse', x=2, y=3, width=55, height=42)]
        results = dict(after=points + box, before=box + points, none=points)[outline]
        tasks.append(dict(id=k, file_upload=f'0a1b2c3d-{name}', data=dict(img=f'/data/{name}'),
                          annotations=[dict(id=k, result=results)]))
    tasks.append(dict(id=9, file_upload='later.png', data={}, annotations=[]))
    return write_json(folder / 'project.json', tasks)
