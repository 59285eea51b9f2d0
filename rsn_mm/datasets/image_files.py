"""Looks at the headers of image files, before one that cannot be read stops a long run."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.dataset import BaseDataset

from rsn_mm.errors import DataError
from rsn_mm.labels.images import size_of

from .annotation_files import image_sizes
from .checks import NUM_SHOWN, listed, source_of, transforms_of
from .transforms.loading import decode_image

#: Seconds after which the rest of the headers is left to the run itself.
TIME_LIMIT = 20.
NUM_THREADS = 8
#: Number of files between two looks at the clock.
CHUNK = 512

SizeWH = tuple[int, int]


@dataclass
class Headers:
    """What the headers of the images of a dataset say.

    Attributes:
        source: The annotation file.
        total: Number of images.
        looked_at: Number of images whose headers were read.
        other_sizes: A line for each image of another size than the annotation file says.
    """

    source: str
    total: int
    looked_at: int = 0
    other_sizes: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """What was looked at, in one line."""
        rest = '' if self.looked_at == self.total else (
            f' within {TIME_LIMIT:g} seconds; the run will name the others if they are broken')
        return (f'{self.source}: looked at the headers of {self.looked_at} of {self.total} '
                f'images{rest}')

    def doubts(self) -> str | None:
        """The images of other sizes, in one line."""
        if not self.other_sizes:
            return None
        return (f'{self.source}: {len(self.other_sizes)} images have another size than the file '
                'says, so that joints may be misplaced: '
                + '; '.join(self.other_sizes[:NUM_SHOWN]))


def look_at_headers(dataset: BaseDataset) -> Headers | None:
    """Read the headers of all images, for as long as the time limit allows.

    Args:
        dataset: An initialized dataset.

    Returns:
        What they say; ``None`` if the images are not in the local file system.

    Raises:
        DataError: If files are empty or no images. The message names the first ones.
    """
    if any(getattr(transform, 'backend_args', None) for transform in transforms_of(dataset)):
        return None
    ids: dict[str, int] = {}
    for i in range(len(dataset)):
        sample = BaseDataset.get_data_info(dataset, i)
        ids.setdefault(sample['img_path'], sample.get('img_id', -1))
    paths = [path for path in ids if '://' not in path]
    if not paths:
        return None
    expected = image_sizes(dataset)
    headers, problems = Headers(source_of(dataset), len(paths)), []
    end = time.monotonic() + TIME_LIMIT
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        for start in range(0, len(paths), CHUNK):
            chunk = paths[start:start + CHUNK]
            for path, found in zip(chunk, pool.map(_size_or_problem, chunk)):
                if isinstance(found, str):
                    problems.append(found)
                else:
                    _compare(headers, path, found, expected, ids[path])
            headers.looked_at += len(chunk)
            if time.monotonic() > end:
                break
    if problems:
        raise DataError(f'{headers.source}: {len(problems)} images cannot be read:'
                        + listed(problems, len(problems)))
    return headers


def _compare(headers: Headers, path: str, size_wh: SizeWH, expected: Mapping[int, SizeWH],
             image_id: int) -> None:
    wanted = expected.get(image_id, size_wh)
    if size_wh != wanted:
        headers.other_sizes.append('{} has {} x {} pixels, expected {:g} x {:g}'.format(
            path, *size_wh, *wanted))


def _size_or_problem(path: str) -> SizeWH | str:
    """Width and height of an image, or what is wrong with its file."""
    try:
        return size_of(Path(path))
    except Exception:  # Pillow does not know all formats, and refuses very large images
        try:
            height, width = decode_image(Path(path).read_bytes(), path).shape[:2]
            return width, height
        except (DataError, OSError) as error:
            return str(error)
