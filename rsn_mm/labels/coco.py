"""Reads keypoints in COCO's format as CVAT, Roboflow and others export them.

What exports differ in: CVAT puts ``annotations/person_keypoints_SUBSET.json`` beside ``images/``,
lists labels without joints among the categories, and its boxes are the tight extent of the joints.
Roboflow puts ``_annotations.coco.json`` among the images of each split, counts ids from 0, and
leaves out ``num_keypoints``. Other tools leave out boxes, areas or categories.
"""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from rsn_mm.errors import DataError

from .content import UNLABELED, VISIBLE, BoxXYWH, Instance, LabeledImage, Labels
from .images import ImageFinder, size_of

#: What tools call the splits.
SPLITS = dict(train='train', val='val', valid='val', validation='val', test='test')


def read_coco(path: Path, content: Any, images: Path | None = None,
              category: str | None = None) -> Labels:
    """Read the content of a JSON file in COCO's format.

    Args:
        path: The file.
        content: Its content.
        images: Folder of the images; by default where CVAT and Roboflow put them.
        category: Name of the category to take, where several have joints.

    Raises:
        DataError: If the file, an annotation or an image cannot be used.
    """
    _check_lists(path, content)
    root = images or (path.parent.parent if path.parent.name == 'annotations' else path.parent)
    return labels_of(path, content, root, _split_of(path), category)


def labels_of(path: Path, content: dict, root: Path, split: str | None = None,
              category: str | None = None) -> Labels:
    """The labels in the content of a file in COCO's format.

    Args:
        path: The file, for messages.
        content: Its ``images``, ``annotations`` and ``categories``.
        root: Folder of the images.
        split: Split of all images.
        category: Name of the category to take, where several have joints.

    Raises:
        DataError: If an annotation or an image cannot be used.
    """
    joints, links, ids = _joints_of(path, content, category)
    annotations, left_out = _annotations_by_image(path, content, ids)
    finder = ImageFinder(root, path)
    found = []
    for entry in content['images']:
        of_image = annotations.pop(entry['id'], [])
        if not of_image:
            left_out['images without labels'] += 1
            continue
        file = finder.find(entry['file_name'])
        size_wh = size_of(file)
        stated = tuple(entry.get(side, size) for side, size in zip(('width', 'height'), size_wh))
        if stated != size_wh:
            raise DataError(f'{path}: image {entry["file_name"]} is {stated[0]} x {stated[1]} in '
                            f'the labels, but its file is {size_wh[0]} x {size_wh[1]} pixels; the '
                            'labels belong to a file of another size')
        instances = [_instance(f'{path}: annotation {a.get("id")}', a, len(joints))
                     for a in of_image]
        found.append(LabeledImage(file, size_wh, instances, str(file.parent), split))
    if annotations:
        raise DataError(f'{path}: annotation {next(iter(annotations.values()))[0].get("id")} is of '
                        f'image_id {next(iter(annotations))}, which the file does not list')
    return Labels(joints, links, found, left_out)


def _check_lists(path: Path, content: Any) -> None:
    if not isinstance(content, dict) or not all(
            isinstance(content.get(key), list) for key in ('images', 'annotations')):
        raise DataError(f"{path}: expected COCO's format, an object with the lists 'images' and "
                        "'annotations'")
    for i, image in enumerate(content['images']):
        if not isinstance(image, dict) or not {'id', 'file_name'} <= image.keys():
            raise DataError(f"{path}: image {i} has no 'id' or no 'file_name'")


def _joints_of(path: Path, content: dict, category: str | None
               ) -> tuple[list[str], list[tuple[str, str]], set | None]:
    """Names, links, and the ids of the categories that have them; None if there are none."""
    categories = content.get('categories') or []
    if category is not None:
        categories = [c for c in categories if c.get('name') == category]
        if not categories:
            names = [c.get('name') for c in content.get('categories') or []]
            raise DataError(f'{path}: no category is named {category!r}; there are {names}')
    used = {a.get('category_id') for a in content['annotations'] if a.get('keypoints')}
    with_joints = [c for c in categories if c.get('keypoints') and c.get('id') in used]
    if not with_joints:
        return _numbered(path, content['annotations'], category)
    joints = with_joints[0]['keypoints']
    for other in with_joints[1:]:
        if other['keypoints'] != joints:
            raise DataError(f'{path}: the categories {with_joints[0].get("name")!r} and '
                            f'{other.get("name")!r} have different joints: choose one of them')
    if len(set(joints)) != len(joints):
        raise DataError(f'{path}: two joints of category {with_joints[0].get("name")!r} have one '
                        f'name: {joints}')
    links = [(joints[a - 1], joints[b - 1]) for a, b in with_joints[0].get('skeleton') or []
             if 1 <= min(a, b) and max(a, b) <= len(joints)]
    return list(joints), links, {c['id'] for c in with_joints}


def _numbered(path: Path, annotations: list[dict], category: str | None
              ) -> tuple[list[str], list[tuple[str, str]], set | None]:
    """Names for joints that have none."""
    lengths = Counter(len(a['keypoints']) for a in annotations if a.get('keypoints'))
    if not lengths or category is not None:
        raise DataError(f'{path}: no annotation has keypoints' + (
            '' if category is None else f' of category {category!r}'))
    return [f'joint{i}' for i in range(1, lengths.most_common(1)[0][0] // 3 + 1)], [], None


def _annotations_by_image(path: Path, content: dict, ids: set | None
                          ) -> tuple[dict[Any, list[dict]], Counter[str]]:
    """The annotations to take, by the id of their image, and how many were left out and why."""
    taken, left_out = defaultdict(list), Counter[str]()
    for annotation in content['annotations']:
        if 'image_id' not in annotation:
            raise DataError(f"{path}: annotation {annotation.get('id')} has no 'image_id'")
        if annotation.get('iscrowd'):
            left_out['crowds'] += 1
        elif not annotation.get('keypoints'):
            left_out['annotations without keypoints'] += 1
        elif ids is not None and annotation.get('category_id') not in ids:
            left_out['annotations of other categories'] += 1
        elif not any(annotation['keypoints'][2::3]):
            left_out['annotations without a labeled joint'] += 1
        else:
            taken[annotation['image_id']].append(annotation)
    return taken, left_out


def _instance(name: str, annotation: dict, num_joints: int) -> Instance:
    try:
        values = np.array(annotation['keypoints'], dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f'{name}: keypoints are not numbers: {error}') from error
    if values.shape != (3 * num_joints, ):
        raise DataError(f'{name} has {values.size} numbers in keypoints, expected x, y and flag '
                        f'for each of {num_joints} joints')
    keypoints = values.reshape(-1, 3)
    if not np.isin(keypoints[:, 2], range(UNLABELED, VISIBLE + 1)).all():
        raise DataError(f'{name} has the visibility flags {keypoints[:, 2].tolist()}, expected 0 '
                        '(not labeled), 1 (occluded) or 2 (visible)')
    keypoints[keypoints[:, 2] == UNLABELED] = 0
    if not np.isfinite(keypoints).all():
        raise DataError(f'{name} has a joint that is not finite: {keypoints.tolist()}')
    box = _box(name, annotation.get('bbox'))
    return Instance(keypoints, box, annotation.get('area') or None)


def _box(name: str, bbox: Any) -> BoxXYWH | None:
    """A box with width and height, or None where the tool left it empty."""
    if not bbox:
        return None
    try:
        values = np.array(bbox, dtype=float)
    except (TypeError, ValueError):
        values = np.zeros(0)
    if values.shape != (4, ) or not np.isfinite(values).all():
        raise DataError(f'{name} has bbox {bbox}, expected x, y, width, height')
    x, y, width, height = values.tolist()
    return (x, y, width, height) if width > 0 and height > 0 else None


def _split_of(path: Path) -> str | None:
    """The split that the tool names in the file (CVAT) or in its folder (Roboflow)."""
    subset = path.stem.rpartition('_')[2].lower()
    return SPLITS.get(subset) or SPLITS.get(path.parent.name.lower())
