"""From labels to the annotation files of COCO and of MPII (as MMPose's datasets read them)."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.io import savemat

from .labels import UNLABELED, PersonLabel

COCO_JOINTS = (
    'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder',
    'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip',
    'left_knee', 'right_knee', 'left_ankle', 'right_ankle')
#: Links of COCO's category; joints count from 1.
COCO_SKELETON = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9),
    (8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7))
MPII_JOINTS = (
    'right_ankle', 'right_knee', 'right_hip', 'left_hip', 'left_knee', 'left_ankle', 'pelvis',
    'thorax', 'upper_neck', 'head_top', 'right_wrist', 'right_elbow', 'right_shoulder',
    'left_shoulder', 'left_elbow', 'left_wrist')

ANNOTATION_FILE, HEAD_BOX_FILE = 'annotations.json', 'headboxes.mat'

#: MPII counts pixels from 1, and gives sizes in units of 200 pixels.
MPII_ORIGIN, MPII_UNIT = 1.0, 200.0
#: MMPose moves an MPII center down by this part of the size on reading. Centers are written moved
#: up by as much, so that what is read is the center of the person's box.
MPII_CENTER_SHIFT = 15 / MPII_UNIT

#: A MATLAB file begins with a remark of 116 bytes. SciPy's has the date in it, but equal data are
#: to be equal files.
MATLAB_REMARK = b'MATLAB 5.0 MAT-file, head boxes of synthetic people'.ljust(116)


def image_name(index: int) -> str:
    """Return the file name of an image; its stem is the image id, ``index + 1``."""
    return f'{index + 1:012d}.jpg'


def coco_annotation(label: PersonLabel) -> dict:
    """Return a COCO person annotation without ``id`` and ``image_id``."""
    points = [label.points[joint] for joint in COCO_JOINTS]
    labeled = [(_rounded(x), _rounded(y), flag) if flag != UNLABELED else (0, 0, 0)
               for x, y, flag in points]
    return dict(keypoints=[value for point in labeled for value in point],
                num_keypoints=sum(flag != UNLABELED for _, _, flag in points),
                bbox=[_rounded(v) for v in label.bbox_xywh], area=_rounded(label.area),
                iscrowd=0, category_id=1)


def mpii_annotation(label: PersonLabel) -> dict | None:
    """Return an MPII person without ``image``, but with its ``head_box``, if it has any joint.

    ``head_box`` is [[x1, y1], [x2, y2]]. All coordinates count from 1.
    """
    points = [label.points[joint] for joint in MPII_JOINTS]
    if all(flag == UNLABELED for _, _, flag in points):
        return None
    x, y, w, h = label.bbox_xywh
    side = max(w, h)
    to_mpii = MPII_ORIGIN - 0.5  # a box counts from the edge of the first pixel
    center = (x + w / 2 + to_mpii, y + h / 2 + to_mpii - MPII_CENTER_SHIFT * side)
    joints = [[_rounded(px + MPII_ORIGIN), _rounded(py + MPII_ORIGIN)] if flag != UNLABELED else
              [-1.0, -1.0] for px, py, flag in points]
    head = [_rounded(v + MPII_ORIGIN) for v in label.head_xyxy]
    return dict(joints=joints, joints_vis=[int(flag != UNLABELED) for _, _, flag in points],
                center=[_rounded(v) for v in center], scale=round(side / MPII_UNIT, 6),
                head_box=[head[:2], head[2:]])


def write_coco(folder: Path, records: Sequence[list[PersonLabel]], size_wh: tuple[int, int],
               info: dict) -> None:
    """Write ``annotations.json`` with the people of every image and the file's ``info``."""
    images = [dict(id=index + 1, file_name=image_name(index), width=size_wh[0], height=size_wh[1])
              for index in range(len(records))]
    people = [(image, label) for image, labels in enumerate(records, 1) for label in labels]
    annotations = [dict(id=number, image_id=image, **coco_annotation(label))
                   for number, (image, label) in enumerate(people, 1)]
    category = dict(id=1, name='person', supercategory='person', keypoints=COCO_JOINTS,
                    skeleton=COCO_SKELETON)
    _write_json(folder, dict(info=info, images=images, annotations=annotations,
                             categories=[category]))


def write_mpii(folder: Path, records: Sequence[list[PersonLabel]]) -> None:
    """Write ``annotations.json`` with the people of every image, and ``headboxes.mat``.

    The MATLAB file holds ``headboxes_src`` (corner 2, xy 2, person N), as the evaluation of PCKh
    reads it.
    """
    people, heads = [], []
    for index, labels in enumerate(records):
        for annotation in filter(None, map(mpii_annotation, labels)):
            heads.append(annotation.pop('head_box'))
            people.append(dict(image=image_name(index), **annotation))
    _write_json(folder, people)
    boxes = np.reshape(np.array(heads, np.float64), (-1, 2, 2)).transpose(1, 2, 0)
    savemat(folder / HEAD_BOX_FILE, dict(headboxes_src=boxes))
    with open(folder / HEAD_BOX_FILE, 'r+b') as file:
        file.write(MATLAB_REMARK)


def _rounded(pixels: float) -> float:
    return round(pixels, 2)


def _write_json(folder: Path, content: object) -> None:
    text = json.dumps(content, separators=(',', ':')) + '\n'
    (folder / ANNOTATION_FILE).write_text(text, encoding='utf-8')
