"""Reads the labels of DeepLabCut: ``CollectedData_SCORER.csv`` or ``.h5``, and ``config.yaml``.

A file holds the labels of the frames of one video, which lie beside it. Its columns have a header
of several rows: ``scorer``, in projects of several animals ``individuals``, then ``bodyparts`` and
``coords``. A joint without coordinates is not labeled. DeepLabCut has no boxes and no flag for
occluded joints.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from rsn_mm.errors import DataError

from .content import VISIBLE, Instance, LabeledImage, Labels
from .images import size_of

CONFIG = 'config.yaml'
HEADER = ('scorer', 'individuals', 'bodyparts', 'coords')
#: The individual that the joints of no animal belong to, such as the corners of the cage.
NO_ANIMAL = 'single'
#: A column: the animal, its joint, and ``x`` or ``y``.
Column = tuple[str, str, str]


def is_project(folder: Path) -> bool:
    """Whether a folder is a project of DeepLabCut."""
    return (folder / CONFIG).is_file() and (folder / 'labeled-data').is_dir()


def read_deeplabcut(path: Path) -> Labels:
    """Read a project of DeepLabCut, or the labels of one video.

    Args:
        path: The folder of the project, its ``config.yaml``, or one ``CollectedData`` file.

    Raises:
        DataError: If there are no labels, or if a file or an image cannot be used.
    """
    project = path if path.is_dir() else path.parent
    files = [path]
    if path.is_dir() or path.name == CONFIG:
        config = _read_config(project / CONFIG)
        files = _label_files(project, str(config.get('scorer') or ''))
    else:
        above = path.parent.parent.parent / CONFIG
        config = _read_config(above) if above.is_file() else {}
    left_out = Counter[str]()
    images: list[LabeledImage] = []
    joints = _joints_of(config)
    for file in files:
        columns, rows = _read_table(file)
        found = list(dict.fromkeys(joint for name, joint, _ in columns if name != NO_ANIMAL))
        joints = joints or found
        unknown = sorted(set(found) - set(joints))
        if unknown:
            raise DataError(f'{file}: the joints {unknown} are not among the bodyparts {joints}')
        images += _images_of(file, columns, rows, joints, left_out)
    links = [tuple(pair) for pair in config.get('skeleton') or []
             if len(pair) == 2 and set(pair) <= set(joints)]
    return Labels(joints, links, images, left_out)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text(encoding='utf-8'))
    except yaml.YAMLError as error:
        raise DataError(f'{path} is not a YAML file: {error}') from error
    if not isinstance(config, dict):
        raise DataError(f'{path}: expected the config of a DeepLabCut project')
    return config


def _joints_of(config: dict) -> list[str]:
    """The joints in the order of the project; none if there is no config."""
    several = config.get('multianimalproject')
    joints = config.get('multianimalbodyparts' if several else 'bodyparts') or []
    return [str(joint) for joint in joints] if isinstance(joints, list) else []


def _label_files(project: Path, scorer: str) -> list[Path]:
    """One file per video; the CSV file where there are both, since they have the same content."""
    by_folder: dict[Path, Path] = {}
    for ending in ('h5', 'csv'):
        for file in sorted(project.glob(f'labeled-data/*/CollectedData_*.{ending}')):
            if not scorer or file.stem == f'CollectedData_{scorer}':
                by_folder[file.parent] = file
    if not by_folder:
        raise DataError(f'{project}: there is no labeled-data/*/CollectedData_{scorer or "*"}.csv '
                        'and no .h5')
    return sorted(by_folder.values())


def _read_table(file: Path) -> tuple[list[Column], list[tuple[str, list[str]]]]:
    """The columns, and of each frame its file name and its cells."""
    text = _text_of_h5(file) if file.suffix == '.h5' else file.read_text(encoding='utf-8-sig')
    header: dict[str, list[str]] = {}
    rows = []
    for row in csv.reader(io.StringIO(text)):
        if row and row[0] in HEADER:
            header[row[0]] = row
        elif any(row):
            rows.append(row)
    if 'bodyparts' not in header or 'coords' not in header:
        raise DataError(f'{file}: expected the rows {HEADER[0]}, {HEADER[2]} and {HEADER[3]} of '
                        "DeepLabCut's CollectedData files at its beginning")
    # Newer versions spread the path of a frame over three cells.
    first = next((i for i, cell in enumerate(header['bodyparts']) if i and cell), 1)
    width = len(header['bodyparts'])
    animals = header.get('individuals', [''] * width)
    columns = list(zip(animals[first:], header['bodyparts'][first:], header['coords'][first:]))
    frames = []
    for row in rows:
        if len(row) != width:
            raise DataError(f'{file}: the row of {row[0]} has {len(row)} cells, expected {width}')
        frames.append(('/'.join(row[:first]), row[first:]))
    return columns, frames


def _text_of_h5(file: Path) -> str:
    """The table as DeepLabCut itself writes it as CSV."""
    try:
        import pandas
        return pandas.read_hdf(file).to_csv()
    except ImportError as error:
        raise DataError(f'{file} can only be read with pandas and tables (pip install pandas '
                        'tables); DeepLabCut writes the same labels as CSV beside it, which needs '
                        'neither') from error
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f'{file} is not a label file of DeepLabCut: {error}') from error


def _images_of(file: Path, columns: list[Column], rows: list[tuple[str, list[str]]],
               joints: list[str], left_out: Counter[str]) -> Iterator[LabeledImage]:
    for frame, cells in rows:
        instances = _instances(f'{file}: frame {frame}', columns, cells, joints)
        if not instances:
            left_out['images without labels'] += 1
            continue
        # Projects move between machines: only the name of a frame can be trusted.
        image = file.parent / PurePosixPath(frame.replace('\\', '/')).name
        if not image.is_file():
            raise DataError(f'{file}: image {image} does not exist')
        yield LabeledImage(image, size_of(image), instances, file.parent.name)


def _instances(name: str, columns: list[Column], cells: list[str],
               joints: list[str]) -> list[Instance]:
    """The animals of a frame that have a labeled joint."""
    axes = dict(x=0, y=1)
    positions: dict[str, np.ndarray] = {}
    for (animal, joint, coordinate), cell in zip(columns, cells):
        if animal == NO_ANIMAL or coordinate not in axes:
            continue
        points = positions.setdefault(animal, np.full((len(joints), 2), np.nan))
        try:
            points[joints.index(joint), axes[coordinate]] = float(cell or 'nan')
        except ValueError:
            raise DataError(f'{name}: {coordinate} of {joint} is {cell!r}, expected a number or '
                            'nothing') from None
    instances = []
    for points in positions.values():
        labeled = np.isfinite(points).all(1)
        if labeled.any():
            flags = np.where(labeled, VISIBLE, 0)[:, None]
            instances.append(Instance(np.hstack([np.where(labeled[:, None], points, 0), flags])))
    return instances
