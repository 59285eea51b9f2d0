"""Reads Label Studio's JSON export through the converter that MMPose installs.

MMPose's converter takes the points of an instance in the order of the file, up to the rectangle or
polygon that ends the instance, and forgets their labels. It is right for points that are all there
and in order. Here the export is put into that form first: the points of an instance in the order of
the joints, with a point at 0, 0 for a missing one, which the converter takes for unlabeled.
"""

import importlib.util
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import mmpose

from rsn_mm.errors import DataError

from .coco import labels_of
from .content import Labels
from .images import ImageFinder

CONVERTER = Path('.mim', 'tools', 'dataset_converters', 'labelstudio2coco.py')
POINT = 'keypointlabels'
#: Results that end an instance.
OUTLINES = ('rectanglelabels', 'labels', 'polygonlabels')
#: The only category, which all results are given.
CATEGORY = 'instance'
#: What Label Studio puts before the name of an uploaded file.
UPLOAD_PREFIX = re.compile(r'^[0-9a-f]{8}-')


def is_label_studio(content: Any) -> bool:
    """Whether the content of a JSON file is an export of Label Studio."""
    return (isinstance(content, list) and bool(content)
            and all(isinstance(task, dict) and 'annotations' in task for task in content))


def read_label_studio(path: Path, tasks: list[dict], images: Path | None = None,
                      interface: Path | None = None) -> Labels:
    """Read an export of Label Studio.

    Args:
        path: The export, for messages and as the place of the images.
        tasks: Its content.
        images: Folder of the images; by default that of the export.
        interface: The labeling interface (XML), which has the order of the joints; by default they
            are in the order in which they first occur.

    Raises:
        DataError: If the installed MMPose has no converter, or if a file or a task cannot be used.
    """
    joints = _joints_of(path, tasks) if interface is None else _joints_of_interface(interface)
    finder = ImageFinder(images or path.parent, path)
    prepared = [_prepared(path, task, joints, finder) for task in tasks if task['annotations']]
    with tempfile.TemporaryDirectory() as folder:
        source, target, labels = (Path(folder, name) for name in ('in.json', 'coco.json', 'in.xml'))
        source.write_text(json.dumps(prepared))
        labels.write_text(f'<View><KeyPointLabels><Label value="{CATEGORY}"/></KeyPointLabels>'
                          '</View>')
        _converter().LSConverter(str(labels)).convert_to_coco(str(source), str(target))
        content = json.loads(target.read_text())
    content['categories'] = [dict(id=1, name=CATEGORY, keypoints=joints)]
    found = labels_of(path, content, images or path.parent)
    without = Counter({'images without labels': len(tasks) - len(prepared)})
    return Labels(joints, [], found.images, found.left_out + without)


def _converter() -> ModuleType:
    file = Path(mmpose.__file__).parent / CONVERTER
    if not file.is_file():
        raise DataError(f'the installed MMPose has no {CONVERTER}, which reads Label Studio; '
                        "export in COCO's format instead")
    spec = importlib.util.spec_from_file_location('labelstudio2coco', file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _joints_of(path: Path, tasks: list[dict]) -> list[str]:
    joints = list(dict.fromkeys(
        _label_of(path, task, result) for task in tasks for result in _results(task)
        if result.get('type') == POINT))
    if not joints:
        raise DataError(f'{path}: no task has keypoints')
    return joints


def _joints_of_interface(interface: Path) -> list[str]:
    try:
        root = ElementTree.parse(interface).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise DataError(f'{interface} is not the labeling interface of Label Studio: {error}'
                        ) from error
    joints = [str(label.get('value')) for label in root.findall('.//KeyPointLabels/Label')]
    if not joints:
        raise DataError(f'{interface}: the labeling interface has no KeyPointLabels')
    return joints


def _results(task: dict) -> list[dict]:
    """The results of the first annotation, which is the one that the converter takes."""
    return task['annotations'][0].get('result', []) if task['annotations'] else []


def _label_of(path: Path, task: dict, result: dict) -> str:
    labels = result.get('value', {}).get(result['type'])
    if not labels:
        raise DataError(f'{path}: task {task.get("id")} has a {result["type"]} without a label')
    return str(labels[0])


def _prepared(path: Path, task: dict, joints: list[str], finder: ImageFinder) -> dict:
    """A task in the form that the converter is right for."""
    results: list[dict] = []
    for points, outline in _instances(path, task):
        unknown = sorted(points.keys() - set(joints))
        if unknown:
            raise DataError(f'{path}: task {task.get("id")} has the labels {unknown}, expected '
                            f'some of {joints}')
        size = {key: value for key, value in next(iter(points.values())).items()
                if key.startswith('original_')}
        if len(size) != 2:
            raise DataError(f'{path}: task {task.get("id")} has a point without original_width '
                            'and original_height')
        results += [_relabeled(points.get(joint) or dict(
            type=POINT, value=dict(x=0, y=0), **size)) for joint in joints]
        # Whatever is not a point ends an instance; the converter skips one without a label.
        results.append(_relabeled(outline) if outline else dict(type='end'))
    return dict(file_upload=str(finder.find(_file_of(path, task, finder)).resolve()),
                annotations=[dict(result=results)])


def _relabeled(result: dict) -> dict:
    return {**result, 'value': {**result['value'], result['type']: [CATEGORY]}}


def _instances(path: Path, task: dict) -> Iterator[tuple[dict[str, dict], dict | None]]:
    """The points of each instance by joint, and its outline.

    An instance ends with its outline, or where a joint comes for the second time. Where the
    outlines come before the points, the results are read backwards.
    """
    results = [r for r in _results(task) if r.get('type') in (POINT, *OUTLINES)]
    if results and results[0]['type'] in OUTLINES:
        results.reverse()
    points: dict[str, dict] = {}
    for result in results:
        if result['type'] in OUTLINES:
            if points:
                yield points, result
                points = {}
        else:
            joint = _label_of(path, task, result)
            if joint in points:
                yield points, None
                points = {}
            points[joint] = result
    if points:
        yield points, None


def _file_of(path: Path, task: dict, finder: ImageFinder) -> str:
    """The name of the image, which may have been uploaded or lie in storage."""
    name = task.get('file_upload') or next(
        (value for value in task.get('data', {}).values() if isinstance(value, str)), None)
    if not name:
        raise DataError(f'{path}: task {task.get("id")} names no image')
    name = name.partition('?d=')[2] or name  # the address of a file in local storage
    try:
        finder.find(name)
    except DataError:
        return UPLOAD_PREFIX.sub('', Path(name).name)
    return name
