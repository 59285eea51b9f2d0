"""A split on disk: made once, by one process at a time, whole or not at all."""

import json
import multiprocessing
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from filelock import FileLock
from tqdm import tqdm

from rsn_mm.errors import OptionError, OutputError
from rsn_mm.processes import end_with_parent

from .formats import ANNOTATION_FILE, image_name, write_coco, write_mpii
from .labels import PersonLabel
from .options import SplitOptions
from .scene import generate_scene, image_rng

JPEG_QUALITY = 90
IMAGE_FOLDER, RECORD_FILE = 'images', 'generator.json'
#: Images that a worker makes before it reports back.
CHUNK = 16


def annotation_path(data_root: str | Path, split: str) -> Path:
    """Return where the annotations of a split are, whether made yet or not."""
    return Path(data_root) / split / ANNOTATION_FILE


def write_split(data_root: str | Path, options: SplitOptions, workers: int | None = None,
                overwrite: bool = False, progress: bool = True) -> Path:
    """Make a split, unless it is there already.

    ``data_root/split`` holds ``images/``, ``annotations.json``, for MPII ``headboxes.mat``, and
    ``generator.json`` with the options. It appears by a rename when all of it is written.
    Several processes may call this at once: one works, the others wait for it.

    Args:
        data_root: Folder of the splits, made where missing.
        options: What to make. The same options give the same bytes (with the same versions of
            NumPy and OpenCV) for any number of workers.
        workers: Processes that draw, by default one per processor.
        overwrite: Replace a split that was made before.
        progress: Show a progress bar.

    Returns:
        ``data_root/split``.

    Raises:
        OptionError: ``workers`` is not positive, or the split that is there was made with other
            options; the message names them.
        OutputError: An image cannot be written, or something that this generator did not write is
            there; it is never replaced.
    """
    if workers is not None and (type(workers) is not int or workers < 1):
        raise OptionError(f'workers: expected a positive integer or None, got {workers!r}')
    root = Path(data_root)
    # Workers of a killed process may still write into its unfinished folder, so each has its own.
    folder, part, replaced = (root / name for name in (
        options.split, f'.{options.split}.{os.getpid()}.partial', f'.{options.split}.replaced'))
    if not overwrite and _is_made(folder, options):
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f'.{options.split}.lock'):
        # Of processes that were killed: we have the lock.
        for rest in (*root.glob(f'.{options.split}.*partial'), replaced):
            shutil.rmtree(rest, ignore_errors=True)
        if overwrite:
            _read_record(folder)  # raises where it is not ours
        elif _is_made(folder, options):  # by the process we waited for
            return folder
        try:
            _generate(part, options, workers or _default_workers(options), progress)
            if folder.exists():
                folder.rename(replaced)
            part.rename(folder)
        finally:
            for rest in (part, replaced):
                shutil.rmtree(rest, ignore_errors=True)
    return folder


def _read_record(folder: Path) -> dict | None:
    """Return the options of the split that is there, if one is."""
    if not folder.exists():
        return None
    record = folder / RECORD_FILE
    try:
        return dict(json.loads(record.read_text())['options'])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f'{folder} was not written by this generator, which keeps its options '
                          f'in {RECORD_FILE} ({error!r}). Move it away or name another folder'
                          ) from error


def _is_made(folder: Path, options: SplitOptions) -> bool:
    """Tell whether the split is there; raise where another or a damaged one is."""
    found, wanted = _read_record(folder), options.as_record()
    if found is None:
        return False
    different = [f'{name} is {found.get(name)!r} there, {wanted.get(name)!r} is asked for'
                 for name in sorted({*found, *wanted}) if found.get(name) != wanted.get(name)]
    if different:
        raise OptionError(f'{folder} was made with other options: {"; ".join(different)}. '
                          'Overwrite it or name another folder')
    count = len(list((folder / IMAGE_FOLDER).glob('*.jpg')))
    if count != options.num_images or not (folder / ANNOTATION_FILE).is_file():
        raise OptionError(f'{folder} is damaged: expected {ANNOTATION_FILE} and '
                          f'{options.num_images} images, found {count} images. Overwrite it')
    return True


def _default_workers(options: SplitOptions) -> int:
    """Return one per processor, but one for few images and where no process may be started."""
    if multiprocessing.current_process().daemon or options.num_images < 2 * CHUNK:
        return 1
    available = getattr(os, 'sched_getaffinity', None)
    return len(available(0)) if available else os.cpu_count() or 1


def _generate(folder: Path, options: SplitOptions, workers: int, progress: bool) -> None:
    (folder / IMAGE_FOLDER).mkdir(parents=True)
    records = list(tqdm(
        _draw_all(folder, options, workers), total=options.num_images, unit='image',
        desc=f'synthetic {options.split}', disable=not progress,
        mininterval=0.1 if sys.stderr.isatty() else 10))
    provenance = dict(options=options.as_record(),
                      libraries=dict(numpy=np.__version__, opencv=cv2.__version__))
    if options.format == 'coco':
        info = dict(description='Synthetic people of rsn_mm', **provenance,
                    version=str(provenance['options']['generator_version']))
        write_coco(folder, records, options.scene.size_wh, info)
    else:
        write_mpii(folder, records)
    (folder / RECORD_FILE).write_text(json.dumps(provenance, indent=1) + '\n', encoding='utf-8')


def _draw_all(folder: Path, options: SplitOptions, workers: int) -> Iterator[list[PersonLabel]]:
    """Yield the labels of the images in order, drawn by any number of processes."""
    draw = partial(_draw_image, folder / IMAGE_FOLDER, options)
    indices = range(options.num_images)
    if workers == 1:
        yield from map(draw, indices)
        return
    # Forked workers need not import torch again, which would take longer than the drawing.
    method = 'fork' if 'fork' in multiprocessing.get_all_start_methods() else 'spawn'
    # OpenCV's threads do not survive a fork, and a child that stops them waits forever: they are
    # stopped here, before it.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context(method),
                               initializer=end_with_parent)
    try:
        yield from pool.map(draw, indices, chunksize=CHUNK)
    finally:
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(threads)


def _draw_image(folder: Path, options: SplitOptions, index: int) -> list[PersonLabel]:
    scene = generate_scene(image_rng(options.seed, options.split, index), options.scene)
    path = folder / image_name(index)
    if not cv2.imwrite(str(path), scene.picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
        raise OutputError(f'{path} cannot be written')
    return scene.labels
