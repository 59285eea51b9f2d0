"""What annotation and detection files contain, and what MMPose's datasets keep of it.

The datasets silently skip crowds, persons without labeled joints, and boxes without area. Here the
skipped entries are counted by the datasets' own rules (``BaseCocoStyleDataset.parse_data_info`` and
``_is_valid_instance``).
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.fileio import exists, get_text

from .coco_entries import (
    ANNOTATION_RULES,
    CATEGORY_RULES,
    DETECTION_RULES,
    IMAGE_RULES,
    MPII_RULES,
    entry_problems,
    joint_problems,
    list_problems,
    name_problems,
    num_outside,
)

PERSON_CATEGORY = 1
#: Persons of the test set do not have these.
MPII_JOINT_KEYS = ('joints', 'joints_vis')


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


def image_sizes(dataset: BaseDataset) -> dict[int, tuple[int, int]]:
    """Width and height of the images by their id, as a file in COCO's format says; or nothing."""
    content = _load(dataset.ann_file) if str(dataset.ann_file).endswith('.json') else None
    if not isinstance(content, dict):
        return {}
    return {image['id']: (image['width'], image['height']) for image in content['images']}


def _load(path: str) -> Any:
    return json.loads(get_text(path))


def _describe_coco(content: dict, kept: int) -> str:
    fates, shown = _coco_fates(content)
    without = sum(image['id'] not in shown for image in content['images'])
    summary = _summary('annotations', kept, fates, without, len(content['images']))
    return summary + _oddities(content)


def _oddities(content: dict) -> str:
    """What is odd about annotations that are kept all the same."""
    sizes = {image['id']: (image['width'], image['height']) for image in content['images']}
    kept = [each for each in content['annotations']
            if _coco_fate(each, sizes.get(each['image_id'])) == 'kept']
    outside = sum(num_outside(each, sizes[each['image_id']]) for each in kept)
    others = sum(each['category_id'] != PERSON_CATEGORY for each in kept)
    oddities = ((outside, 'joints marked as visible lie outside of their images'),
                (others, f'annotations are of categories other than {PERSON_CATEGORY}'))
    return ''.join(f'; {count} {oddity}' for count, oddity in oddities if count)


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


def file_problem(dataset: BaseDataset) -> str | None:
    """The first problem with the files of a dataset that could be built, or ``None``."""
    detections = getattr(dataset, 'bbox_file', None)
    names = [name for _, name in sorted(dataset.metainfo.get('keypoint_id2name', {}).items())]
    problem = _explain_file(str(dataset.ann_file), partial(
        _annotation_problems, needed=not len(dataset) and not detections, labeled=False,
        names=names))
    if problem is None and detections:
        return _explain_file(str(detections), partial(
            _detection_problems, ann_file=str(dataset.ann_file)))
    return problem


def explain_failure(dataset_cfg: dict) -> str | None:
    """Why a dataset could not be built, in one sentence that names the file and the entry.

    Args:
        dataset_cfg: Config of the dataset. In a wrapper, the wrapped datasets are checked.

    Returns:
        The first problem with its files, or ``None`` if they seem to be in order.
    """
    for cfg in _leaf_configs(dataset_cfg):
        paths = {key: cfg.get(key) or '' for key in ('data_root', 'ann_file', 'bbox_file')}
        for key, path in paths.items():
            if not isinstance(path, (str, os.PathLike)):
                return f'{key}={path!r} of a dataset: expected a path'
        ann_file = os.path.join(paths['data_root'], paths['ann_file'])
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
    except (ValueError, RecursionError) as error:
        return f'{path} is not a JSON file: {error}'
    except OSError as error:
        return f'{path} cannot be read: {error}'
    problem = next(problems(content), None)
    return None if problem is None else f'{path}: {problem}'


def _annotation_problems(content: object, needed: bool, labeled: bool,
                         names: Sequence[str] | None = None) -> Iterator[str]:
    """What is wrong with an annotation file.

    Args:
        content: Content of the file.
        needed: Whether at least one annotation must be kept.
        labeled: Whether every person of MPII must have joints.
        names: Names of the dataset's joints, if they are known.
    """
    if isinstance(content, list):
        for i, annotation in enumerate(content):
            yield from entry_problems(f'annotation {i}', annotation, MPII_RULES)
            missing = [key for key in MPII_JOINT_KEYS if labeled and key not in annotation]
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
    yield from _coco_problems(content, names)
    if needed and not _coco_fates(content)[0]['kept']:
        yield f'the dataset is empty: of its file MMPose {_describe_coco(content, 0)}'


def _coco_problems(content: dict, names: Sequence[str] | None) -> Iterator[str]:
    """What is wrong with the fields of a file; the first problem may hide others."""
    yield from list_problems(content, 'images', 'image', IMAGE_RULES)
    sizes = {image['id']: (image['width'], image['height']) for image in content['images']}
    for key, name, rules in (('annotations', 'annotation', ANNOTATION_RULES),
                             ('categories', 'category', CATEGORY_RULES)):
        if key in content:
            yield from list_problems(content, key, name, rules)
    for annotation in content.get('annotations', ()):
        if annotation['image_id'] in sizes and not annotation.get('iscrowd'):
            yield from joint_problems(annotation, sizes[annotation['image_id']])
    yield from name_problems(content, names)


def _detection_problems(content: object, ann_file: str) -> Iterator[str]:
    if not isinstance(content, list):
        yield f'expected a list of detections, found {type(content).__name__}'
        return
    images = {image['id'] for image in _load(ann_file)['images']}
    for i, detection in enumerate(content):
        yield from entry_problems(f'detection {i}', detection, DETECTION_RULES)
        if detection['image_id'] not in images:
            yield f'detection {i} is of image_id {detection["image_id"]}, which {ann_file} lacks'
    if not any(d['category_id'] == PERSON_CATEGORY for d in content):
        yield (f'the dataset is empty: none of {len(content)} detections is a person '
               f'(category_id {PERSON_CATEGORY})')
