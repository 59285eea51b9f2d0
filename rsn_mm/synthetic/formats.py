"""From labels to the annotation files of COCO and of MPII (as MMPose's datasets read them)."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.io import savemat

from .keypoints import UNLABELED, PersonLabel

COCO_JOINTS = (
    'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder',
    'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip',
    'left_knee', 'right_knee', 'left_ankle', 'right_ankle')
#: Links of COCO's category, 1-based.
COCO_SKELETON = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9),
    (8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7))
MPII_JOINTS = (
    'right_ankle', 'right_knee', 'right_hip', 'left_hip', 'left_knee', 'left_ankle', 'pelvis',
    'thorax', 'upper_neck', 'head_top', 'right_wrist', 'right_elbow', 'right_shoulder',
    'left_shoulder', 'left_elbow', 'left_wrist')

ANNOTATION_FILE = 'annotations.json'
HEAD_BOX_FILE = 'headboxes.mat'

#: MPII counts pixels from 1, and sizes in units of 200 pixels.
MPII_ORIGIN = 1.0
MPII_UNIT = 200.0
#: MMPose moves an MPII center down by this part of the size on reading; written centers are moved
#: up by it, so that what is read is the center of the person's box.
MPII_CENTER_SHIFT = 15 / MPII_UNIT

#: Digits after the point of everything measured in pixels.
_DIGITS = 2


def image_name(index: int) -> str:
    """Return the file name of an image; its stem is the image id, ``index + 1``."""
    return f'{index + 1:012d}.jpg'


def coco_annotation(label: PersonLabel) -> dict:
    """Return a COCO person annotation without ``id`` and ``image_id``."""
    points = [label.points[joint] for joint in COCO_JOINTS]
    keypoints = []
    for x, y, flag in points:
        seen = (round(x, _DIGITS), round(y, _DIGITS), flag)
        keypoints.extend((0, 0, 0) if flag == UNLABELED else seen)
    return dict(keypoints=keypoints,
                num_keypoints=sum(flag != UNLABELED for _, _, flag in points),
                bbox=[round(v, _DIGITS) for v in label.bbox_xywh], area=round(label.area, _DIGITS),
                iscrowd=0, category_id=1)


def mpii_annotation(label: PersonLabel) -> dict | None:
    """Return an MPII person without ``image``, and its head box; ``None`` without any joint.

    ``head_box`` is [[x1, y1], [x2, y2]]. All coordinates count from 1.
    """
    points = [label.points[joint] for joint in MPII_JOINTS]
    if all(flag == UNLABELED for _, _, flag in points):
        return None
    x, y, w, h = label.bbox_xywh
    side = max(w, h)
    to_mpii = MPII_ORIGIN - 0.5  # a box counts from the edge of the first pixel
    center = (x + w / 2 + to_mpii, y + h / 2 + to_mpii - MPII_CENTER_SHIFT * side)
    joints = [[-1.0, -1.0] if flag == UNLABELED else
              [round(px + MPII_ORIGIN, _DIGITS), round(py + MPII_ORIGIN, _DIGITS)]
              for px, py, flag in points]
    head = np.round(np.reshape(label.head_xyxy, (2, 2)) + MPII_ORIGIN, _DIGITS).tolist()
    return dict(joints=joints, joints_vis=[int(flag != UNLABELED) for _, _, flag in points],
                center=[round(v, _DIGITS) for v in center], scale=round(side / MPII_UNIT, 6),
                head_box=head)


def write_coco(folder: Path, records: Sequence[list[PersonLabel]], size_wh: tuple[int, int],
               info: dict):
    """Write ``annotations.json`` of a split.

    Args:
        folder: Folder of the split.
        records: Labels of the people of every image, in the order of the images.
        size_wh: Width and height of the images.
        info: The file's ``info``.
    """
    images, annotations = [], []
    for index, labels in enumerate(records):
        images.append(dict(id=index + 1, file_name=image_name(index), width=size_wh[0],
                           height=size_wh[1]))
        for label in labels:
            annotations.append(dict(id=len(annotations) + 1, image_id=index + 1,
                                    **coco_annotation(label)))
    category = dict(id=1, name='person', supercategory='person', keypoints=list(COCO_JOINTS),
                    skeleton=[list(link) for link in COCO_SKELETON])
    _write_json(folder / ANNOTATION_FILE, dict(
        info=info, images=images, annotations=annotations, categories=[category]))


def write_mpii(folder: Path, records: Sequence[list[PersonLabel]]):
    """Write ``annotations.json`` and ``headboxes.mat`` of a split.

    The MATLAB file holds ``headboxes_src`` (corner 2, xy 2, person N), as the evaluation of PCKh
    reads it.
    """
    people, heads = [], []
    for index, labels in enumerate(records):
        for annotation in filter(None, map(mpii_annotation, labels)):
            heads.append(annotation.pop('head_box'))
            people.append(dict(image=image_name(index), **annotation))
    _write_json(folder / ANNOTATION_FILE, people)
    boxes = np.reshape(np.array(heads, np.float64), (-1, 2, 2)).transpose(1, 2, 0)
    savemat(folder / HEAD_BOX_FILE, dict(headboxes_src=boxes))
    # The first 116 bytes are a remark with the date; equal data shall be equal files.
    with open(folder / HEAD_BOX_FILE, 'r+b') as file:
        file.write(b'MATLAB 5.0 MAT-file, head boxes of synthetic people'.ljust(116))


def _write_json(path: Path, content):
    path.write_text(json.dumps(content, separators=(',', ':')) + '\n', encoding='utf-8')
