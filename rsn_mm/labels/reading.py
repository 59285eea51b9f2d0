"""Recognizes whose labels a file or folder holds, and reads several as one set."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rsn_mm.errors import DataError, MissingFileError

from .coco import read_coco
from .content import Labels
from .deeplabcut import CONFIG, is_project, read_deeplabcut
from .label_studio import is_label_studio, read_label_studio

#: What a folder is searched for: COCO's format as Roboflow, CVAT and others lay it out.
PATTERNS = ('_annotations.coco.json', '*/_annotations.coco.json', 'annotations/*keypoints*.json',
            'annotations/*.json', '*.json')


def read_labels(sources: Sequence[Path], images: Path | None = None, category: str | None = None,
                interface: Path | None = None) -> Labels:
    """Read the labels of one or more files and folders.

    Args:
        sources: A folder as a tool exports it, or a file: COCO's format or Label Studio's export
            (``.json``), or DeepLabCut's labels (``.csv``, ``.h5``, ``config.yaml``).
        images: Folder of the images, where they are not beside the labels.
        category: Name of COCO's category to take, where several have joints.
        interface: The labeling interface of Label Studio, for the order of the joints.

    Raises:
        MissingFileError: If a source does not exist.
        DataError: If a source is of no known kind or cannot be used, or if the sources have
            different joints.
    """
    found: list[Labels] = []
    for source in sources:
        if not source.exists():
            raise MissingFileError(f'{source} does not exist')
        found += [_read_file(file, images, category, interface) for file in _files_of(source)]
    first = found[0]
    for file, other in zip(sources, found):
        if other.joints != first.joints:
            raise DataError(f'{file} has the joints {other.joints}, but the first source has '
                            f'{first.joints}')
    labels = Labels(first.joints, first.links, [image for each in found for image in each.images],
                    sum((each.left_out for each in found), Counter()))
    if not labels.images:
        left_out = ', '.join(f'{count} {what}' for what, count in labels.left_out.items())
        raise DataError(f'{", ".join(map(str, sources))}: nothing is labeled' + (
            f' (left out: {left_out})' if left_out else ''))
    files = Counter(image.path.resolve() for image in labels.images)
    twice = [path for path, count in files.items() if count > 1]
    if twice:
        raise DataError(f'{twice[0]} is labeled in several entries or files; give each image once')
    return labels


def _files_of(source: Path) -> list[Path]:
    if source.is_file() or is_project(source):
        return [source]
    for pattern in PATTERNS:
        files = sorted(source.glob(pattern))
        if files:
            return files
    raise DataError(f'{source}: there are no labels in it; expected a project of DeepLabCut '
                    f'({CONFIG} and labeled-data), or one of {", ".join(PATTERNS)}')


def _read_file(file: Path, images: Path | None, category: str | None,
               interface: Path | None) -> Labels:
    if file.is_dir() or file.suffix in ('.csv', '.h5') or file.name == CONFIG:
        return read_deeplabcut(file)
    if file.suffix == '.zip':
        raise DataError(f'{file}: unpack the archive, and give the folder')
    if file.suffix != '.json':
        raise DataError(f'{file}: expected .json (COCO, Label Studio), or .csv, .h5 or {CONFIG} '
                        '(DeepLabCut)')
    try:
        content = json.loads(file.read_text(encoding='utf-8-sig'))
    except ValueError as error:
        raise DataError(f'{file} is not a JSON file: {error}') from error
    if is_label_studio(content):
        return read_label_studio(file, content, images, interface)
    return read_coco(file, content, images, category)
