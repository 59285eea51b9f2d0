"""What annotation and detection files contain, and what MMPose's datasets keep of it.

The datasets silently skip crowds, persons without labeled joints, and boxes without area. Here the
skipped entries are counted by the datasets' own rules (``BaseCocoStyleDataset.parse_data_info`` and
``_is_valid_instance``).
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.fileio import exists, get_text

PERSON_CATEGORY = 1
MPII_KEYS = ('image', 'center', 'scale')
#: Persons of the test set do not have these.
MPII_JOINT_KEYS = ('joints', 'joints_vis')
DETECTION_KEYS = ('image_id', 'category_id', 'bbox', 'score')


def describe_selection(dataset: BaseDataset) -> str | None:
    """What a dataset keeps of its file, in one line; ``None`` if the format is not known."""
    content = _load(dataset.ann_file) if str(dataset.ann_file).endswith('.json') else None
    if isinstance(content, list):
        return _describe_mpii(content, len(dataset))
    if not isinstance(content, dict) or 'images' not in content:
        return None
    if getattr(dataset, 'bbox_file', None):
        return _describe_detections(_load(dataset.bbox_file), content['images'], len(dataset))
    return _describe_coco(content, len(dataset)) if 'annotations' in content else None


def _load(path: str) -> Any:
    return json.loads(get_text(path))


def _describe_coco(content: dict, kept: int) -> str:
    fates, shown = _coco_fates(content)
    without = sum(image['id'] not in shown for image in content['images'])
    return _summary('annotations', kept, fates, without, len(content['images']))


def _coco_fates(content: dict) -> tuple[Counter, set]:
    """How many annotations are kept or skipped, and the ids of the images with kept ones."""
    sizes = {image['id']: (image['width'], image['height']) for image in content['images']}
    fates: Counter[str] = Counter()
    shown = set()
    for annotation in content['annotations']:
        fate = _coco_fate(annotation, sizes.get(annotation['image_id']))
        fates[fate] += 1
        if fate == 'kept':
            shown.add(annotation['image_id'])
    return fates, shown


def _coco_fate(annotation: dict, size_wh: tuple[int, int] | None) -> str:
    """Why MMPose skips an annotation, or ``'kept'``."""
    if size_wh is None:
        return 'of no image'
    if annotation.get('iscrowd'):
        return 'crowd'
    keypoints = annotation.get('keypoints')
    if not keypoints or annotation.get('num_keypoints') == 0 or not any(
            value > 0 or value != value for i, value in enumerate(keypoints) if i % 3 != 2):
        return 'without keypoints'
    x, y, width, height = annotation.get('bbox', (0, 0, 0, 0))
    if any(min(max(start + length, 0), limit - 1) <= min(max(start, 0), limit - 1)
           for start, length, limit in ((x, width, size_wh[0]), (y, height, size_wh[1]))):
        return 'with an empty box'
    return 'kept'


def _describe_mpii(content: list[dict], kept: int) -> str:
    fates: Counter[str] = Counter()
    images, shown = set(), set()
    for annotation in content:
        fate = 'kept'
        joints = annotation.get('joints')  # persons of the test set have none and are kept
        if kept == len(content):
            pass  # rsn_mm.MpiiDataset keeps everybody in test mode
        elif annotation['scale'] <= 0:
            fate = 'with an empty box'
        elif joints and not any(value > 0 or value != value for xy in joints for value in xy):
            fate = 'without keypoints'
        fates[fate] += 1
        images.add(annotation['image'])
        if fate == 'kept':
            shown.add(annotation['image'])
    return _summary('annotations', kept, fates, len(images - shown), len(images))


def _describe_detections(detections: list[dict], images: list[dict], kept: int) -> str:
    fates = Counter('kept' if detection['category_id'] == PERSON_CATEGORY else 'of other categories'
                    for detection in detections)
    persons = {d['image_id'] for d in detections if d['category_id'] == PERSON_CATEGORY}
    without = sum(image['id'] not in persons for image in images)
    return _summary('detections', kept, fates, without, len(images))


def _summary(things: str, kept: int, fates: Counter, without: int, images: int) -> str:
    """One line on what is kept.

    Args:
        things: Name of what is counted.
        kept: Number of samples in the dataset.
        fates: Number of entries that are kept and skipped by MMPose's rules.
        without: Number of images without a kept entry.
        images: Number of images.
    """
    skipped = {fate: count for fate, count in sorted(fates.items()) if fate != 'kept'}
    if fates['kept'] > kept:
        skipped['left out by indices, sample_interval or filter_cfg'] = fates['kept'] - kept
    reasons = ', '.join(f'{count} {fate}' for fate, count in skipped.items())
    reasons = reasons and f' (skipped {reasons})'
    return (f'kept {kept} of {fates.total()} {things}{reasons}; '
            f'{without} of {images} images have none')


# ---------------------------------------------------------- why a dataset could not even be built


def explain_failure(dataset_cfg: dict) -> str | None:
    """Why a dataset could not be built, in one sentence that names the file and the entry.

    Args:
        dataset_cfg: Config of the dataset. In a wrapper, the wrapped datasets are checked.

    Returns:
        The first problem with its files, or ``None`` if they seem to be in order.
    """
    for cfg in _leaf_configs(dataset_cfg):
        root = cfg.get('data_root') or ''
        ann_file = os.path.join(root, cfg.get('ann_file') or '')
        detections = cfg.get('bbox_file')
        # MMPose's own MPII dataset needs joints in test mode, too.
        unlabeled = cfg.get('test_mode') and 'rsn_mm' in str(cfg.get('type'))
        problem = _explain_file(
            ann_file, partial(_annotation_problems, needed=not detections,
                              labeled=not unlabeled))
        if problem is None and detections:
            problem = _explain_file(
                detections, partial(_detection_problems, ann_file=ann_file))
        if problem is not None:
            return problem
    return None


def _leaf_configs(cfg: dict) -> Iterator[dict]:
    inner = cfg.get('datasets') or ([cfg['dataset']] if 'dataset' in cfg else None)
    if inner is None:
        yield cfg
    for each in inner or ():
        yield from _leaf_configs(each)


def _explain_file(path: str, problems: Callable[[object], Iterator[str]]) -> str | None:
    if '://' in path or not path.endswith('.json'):
        return None
    if not exists(path):
        return f'{path} does not exist (ann_file or bbox_file of a dataset)'
    try:
        content = _load(path)
    except ValueError as error:
        return f'{path} is not a JSON file: {error}'
    problem = next(problems(content), None)
    return None if problem is None else f'{path}: {problem}'


def _annotation_problems(content: object, needed: bool, labeled: bool) -> Iterator[str]:
    """What is wrong with an annotation file.

    Args:
        content: Content of the file.
        needed: Whether at least one annotation must be kept.
        labeled: Whether every person of MPII must have joints.
    """
    if isinstance(content, list):
        keys = MPII_KEYS + MPII_JOINT_KEYS * labeled
        for i, annotation in enumerate(content):
            missing = [key for key in keys if key not in annotation]
            if missing:
                yield f'annotation {i} has no {", ".join(map(repr, missing))}'
                continue
            joints, joints_vis = (len(annotation.get(key) or ()) for key in MPII_JOINT_KEYS)
            if joints != joints_vis:
                yield f'annotation {i} has {joints} joints and {joints_vis} joints_vis'
        if not content:
            yield 'the dataset is empty: the file has no annotation'
        return
    expected = ('images', 'annotations') if needed else ('images', )
    if not isinstance(content, dict) or not set(expected) <= content.keys():
        hint = ('; boxes of images without annotations come from a bbox_file'
                if isinstance(content, dict) and 'images' in content else '')
        yield f"expected COCO's format, an object with {' and '.join(map(repr, expected))}{hint}"
        return
    for image in content['images']:
        missing = [k for k in ('id', 'file_name', 'width', 'height') if k not in image]
        if missing:
            yield f'image {image.get("id")} has no {", ".join(map(repr, missing))}'
    for annotation in content.get('annotations', ()):
        yield from _coco_entry_problems(annotation)
    if needed and not _coco_fates(content)[0]['kept']:
        yield f'the dataset is empty: of its file MMPose {_describe_coco(content, 0)}'


def _coco_entry_problems(annotation: dict) -> Iterator[str]:
    name = f'annotation id {annotation.get("id")}'
    missing = [k for k in ('id', 'image_id', 'category_id') if k not in annotation]
    if missing:
        yield f'{name} has no {", ".join(map(repr, missing))}'
    if len(annotation.get('keypoints', ())) % 3:
        yield (f'{name} has {len(annotation["keypoints"])} numbers in keypoints, expected x, y and '
               'flag for every joint')
    if len(annotation.get('bbox', (0, ) * 4)) != 4:
        yield f'{name} has bbox {annotation["bbox"]}, expected x, y, width, height'


def _detection_problems(content: object, ann_file: str) -> Iterator[str]:
    if not isinstance(content, list):
        yield f'expected a list of detections, found {type(content).__name__}'
        return
    images = {image['id'] for image in _load(ann_file)['images']}
    for i, detection in enumerate(content):
        missing = [key for key in DETECTION_KEYS if key not in detection]
        if missing:
            yield f'detection {i} has no {", ".join(map(repr, missing))}'
        elif detection['image_id'] not in images:
            yield f'detection {i} is of image_id {detection["image_id"]}, which {ann_file} lacks'
        elif len(detection['bbox']) < 4:
            yield f'detection {i} has bbox {detection["bbox"]}, expected x, y, width, height'
    if not any(d['category_id'] == PERSON_CATEGORY for d in content):
        yield (f'the dataset is empty: none of {len(content)} detections is a person '
               f'(category_id {PERSON_CATEGORY})')
