"""Boxes of people from a file: detections or annotations in COCO's format, or a table."""

import csv
import json
import logging
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rsn_mm.errors import DataError, MissingFileError, listing

from .frames import Frame

logger = logging.getLogger(__name__)

#: Columns of a table.
COLUMNS = ('image', 'x1', 'y1', 'x2', 'y2')
SCORE = 'score'
#: The category of persons in COCO.
PERSON = 1

Boxes = dict[str, list[list[float]]]  # x1, y1, x2, y2, score by the name or the id of the image


class BoxFile:
    """The boxes of a file.

    An image is looked up by its path, by the name of its file, and by the number that is its name,
    as in COCO; a frame of a video by the path or the name of the video and its number from 0, as in
    ``clip.mp4#12``. An image that the file does not name has no people.

    Args:
        path: JSON file with detections (a list with ``image_id``, ``bbox`` and ``score``) or with
            annotations in COCO's format; or CSV file with the columns image, x1, y1, x2, y2 and, if
            there are scores, score.

    Raises:
        MissingFileError: If the file does not exist.
        DataError: If it has another format. The message names the entry.

    Example:
        >>> _ = Path('boxes.csv').write_text('image,x1,y1,x2,y2\\nphoto.jpg,10,20,110,320\\n')
        >>> boxes = BoxFile('boxes.csv')
        >>> boxes([Frame(np.zeros((480, 640, 3), np.uint8), 'photos/photo.jpg')])
        [array([[ 10.,  20., 110., 320.,   1.]], dtype=float32)]
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.fspath(path)
        if not os.path.isfile(path):
            raise MissingFileError(f'{self.path} does not exist')
        try:
            text = Path(path).read_text(encoding='utf-8-sig')
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f'{self.path} cannot be read: {error}') from error
        self._boxes = (_of_table if self.path.lower().endswith('.csv') else _of_json)(
            text, self.path)
        self._found_any = False
        self._missed: str | None = None

    def __call__(self, frames: Sequence[Frame]) -> list[np.ndarray | None]:
        """Look the boxes of frames up."""
        return [np.array(self._look_up(frame), np.float32).reshape(-1, 5) for frame in frames]

    def _look_up(self, frame: Frame) -> list[list[float]]:
        name, base = frame.name, os.path.basename(frame.name)
        stem = os.path.splitext(base)[0]
        keys = [name, base, *([str(int(stem))] if stem.isdecimal() else [])]
        if frame.index is not None:
            name = f'{name}#{frame.index}'
            keys = [name, f'{base}#{frame.index}']
        for key in keys:
            if key in self._boxes:
                self._found_any = True
                return self._boxes[key]
        self._missed = name
        return []

    def check_use(self) -> None:
        """Refuse a file that had boxes for none of the images that were looked up.

        Raises:
            DataError: If it is so.
        """
        if self._missed is not None and not self._found_any:
            raise DataError(f'{self.path} has boxes for none of the images, for example not for '
                            f'{self._missed}; it names {listing(self._boxes, 3) or "no image"}')


def _of_json(text: str, path: str) -> Boxes:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DataError(f'{path} is not JSON: {error}') from error
    names: dict[Any, str] = {}
    entries = content
    if isinstance(content, dict):
        entries = content.get('annotations')
        try:
            names = {image['id']: image['file_name'] for image in content.get('images', [])}
        except (TypeError, KeyError) as error:
            raise DataError(f'{path}: images must have id and file_name ({error!r})') from error
    if not isinstance(entries, list):
        raise DataError(f"{path}: expected a list of detections, or COCO's format with "
                        'annotations')
    boxes: Boxes = defaultdict(list)
    categories = {entry.get('category_id') for entry in entries if isinstance(entry, dict)}
    only_people = len(categories) > 1 and PERSON in categories
    if only_people:
        logger.warning('%s has %d categories; only category %d, persons, is used',
                       path, len(categories), PERSON)
    for i, entry in enumerate(entries):
        try:
            if entry.get('iscrowd') or only_people and entry['category_id'] != PERSON:
                continue
            x, y, width, height = map(float, entry['bbox'])
            key = names.get(entry['image_id'], entry['image_id'])
            boxes[str(key)].append([x, y, x + width, y + height, float(entry.get(SCORE, 1))])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f'{path}, entry {i}: expected image_id and bbox [x, y, width, height] '
                            f'({type(error).__name__}: {error})') from error
    return dict(boxes)


def _of_table(text: str, path: str) -> Boxes:
    rows = csv.DictReader(text.splitlines())
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise DataError(f'{path} has no column {listing(missing)}; expected a first line with '
                        f'{", ".join(COLUMNS)} and perhaps {SCORE}')
    boxes: Boxes = defaultdict(list)
    for row in rows:
        try:
            boxes[row['image']].append([float(row[name]) for name in COLUMNS[1:]]
                                       + [float(row.get(SCORE) or 1)])
        except (TypeError, ValueError) as error:
            raise DataError(f'{path}, line {rows.line_num}: {error}') from error
    return dict(boxes)
