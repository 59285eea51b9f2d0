"""A row of a manifest: which image, where it is, and its people."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rsn_mm.errors import DataError, OptionError
from rsn_mm.prediction.frames import Frame
from rsn_mm.prediction.inputs import as_scored_boxes
from rsn_mm.prediction.sources import Input, frame_of, read_bytes

from .archives import Archives

ID, PATH, MEMBER, BOXES = 'id', 'path', 'member', 'boxes'


@dataclass(frozen=True, eq=False)
class Row(Input):
    """An image of a manifest or of a tar archive.

    Args:
        id: Its name in the results.
        where: Where the row stands, for messages.
        file: File of the image, or of the archive that holds it.
        member: Name in the archive.
        boxes: x1, y1, x2, y2 and perhaps score of its people; ``None`` where something else finds
            them.
        data: The bytes of the file, where they have been read already.
    """

    id: str = ''
    where: str = ''
    file: str = ''
    member: str | None = None
    boxes: list[list[float]] | None = None
    data: bytes | None = None


@dataclass(eq=False)
class RowFrame(Frame):
    """The image of a row, with its boxes (N, 5) if the row has some."""

    boxes: np.ndarray | None = None


def row_of(entry: Mapping[str, Any], where: str, has_boxes: bool, folder: str = '') -> Row:
    """Check an entry of a manifest.

    Args:
        entry: ``id``, ``path``, and perhaps ``member`` and ``boxes``; anything else is ignored.
        where: Where it stands, for messages.
        has_boxes: Whether the rows have boxes.
        folder: What a path that is not absolute begins at.

    Raises:
        DataError: If it cannot be used. The message names the field.
    """
    name = entry.get(ID)
    if isinstance(name, bool) or not isinstance(name, (str, int)) or name == '':
        raise DataError(f'{where}: {ID} is {name!r}, expected a text or an integer')
    path, member = entry.get(PATH), entry.get(MEMBER)
    if not isinstance(path, str) or not path:
        raise DataError(f'{where}: {PATH} is {path!r}, expected the path of an image or of a tar '
                        'archive')
    if member is not None and not isinstance(member, str):
        raise DataError(f'{where}: {MEMBER} is {member!r}, expected the name of an image in the '
                        'archive')
    shown = f'{path}/{member}' if member else path
    return Row(shown, os.path.basename(shown), str(name), where, os.path.join(folder, path),
               member or None, _boxes(entry.get(BOXES), where, has_boxes))


def _boxes(boxes: object, where: str, has_boxes: bool) -> list[list[float]] | None:
    if boxes is None and not has_boxes:
        return None
    if not has_boxes:
        raise DataError(f'{where}: {BOXES} are there, but the first row has none')
    if not isinstance(boxes, list):
        raise DataError(f'{where}: {BOXES} is {boxes!r}, expected a list of boxes '
                        '[x1, y1, x2, y2], which is empty for an image without people')
    try:
        checked = as_scored_boxes(where, boxes)
    except OptionError as error:
        raise DataError(str(error)) from error
    return None if checked is None else boxes


def read_row(row: Row, archives: Archives) -> RowFrame:
    """Read the image of a row.

    Raises:
        MissingFileError: If the file or the archive does not exist.
        DataError: If it cannot be read, or is not an image.
    """
    if row.data is not None:
        data = row.data
    elif row.member is not None:
        data = archives.read(row.file, row.member)
    else:
        data = read_bytes(row.file)
    frame = frame_of(data, row.name)
    return RowFrame(frame.image, row.name, boxes=as_scored_boxes(row.name, row.boxes))
