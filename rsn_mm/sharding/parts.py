"""Part files: one per shard, there whole or not at all, each written by one process at a time."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rsn_mm.errors import BusyFolderError, OutputError
from rsn_mm.files import written_whole
from rsn_mm.packages import needed
from rsn_mm.prediction.formats import frame_schema, write_rows
from rsn_mm.prediction.job import Summary
from rsn_mm.prediction.results import Record
from rsn_mm.processes import locked_file

from .plan import FOLDER, Plan
from .rows import ID

#: Key of a part's metadata for what was predicted.
METADATA = 'rsn_mm'


def part_path(plan: Plan, number: int) -> Path:
    """The file of a part."""
    return plan.folder / f'part-{number:05d}.parquet'


def existing_part(plan: Plan, number: int) -> Summary | None:
    """What a part holds, or ``None`` if it is not there.

    Raises:
        OutputError: If the file is something else, or a part of another run.
    """
    path = part_path(plan, number)
    pq: Any = needed('pyarrow.parquet', 'a part', 'parquet')
    pa: Any = needed('pyarrow', 'a part', 'parquet')
    try:
        metadata = pq.read_metadata(path).metadata
        found = json.loads((metadata or {})[METADATA.encode()])
        if (found['plan'], found['part']) == (plan.checksum, number):
            return Summary(found['images'], found['people'], found['skipped'])
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f'{path} is no part of this package ({error!r}); move it away'
                                ) from error
    raise OutputError(f'{path} is part {found["part"]} of another run, with other images or '
                            'settings; move it away, or choose another folder')


@contextmanager
def claimed(plan: Plan, number: int) -> Iterator[bool]:
    """Claim a part against other workers.

    Yields:
        Whether it is to be written: it is not there, and nobody else is at it.
    """
    lock = plan.folder / FOLDER / f'part-{number:05d}.lock'
    try:
        with locked_file(lock):
            # Somebody may have finished it since the caller has looked.
            yield existing_part(plan, number) is None
            # The part is there now. Whoever has opened the same lock before gets it, and sees that.
            lock.unlink(missing_ok=True)
    except BusyFolderError:
        yield False


def write_part(plan: Plan, number: int, records: Iterable[Record], joints: Sequence[str]
               ) -> Summary:
    """Write a part, whose place it takes when it is complete.

    Args:
        plan: The folder.
        number: The part.
        records: Its rows in order, each with its id.
        joints: Names of the joints.

    Raises:
        OutputError: If it cannot be written.
    """
    counts = dict(images=0, people=0, skipped=0)

    def counted() -> Iterator[Record]:
        for record in records:
            counts['images' if 'people' in record else 'skipped'] += 1
            counts['people'] += len(record.get('people', ()))
            yield record

    path = part_path(plan, number)
    unfinished = plan.folder / FOLDER / path.name
    with written_whole(unfinished, by_one_process=True) as file:
        write_rows(file, counted(), frame_schema(joints, first=[ID]), lambda: {METADATA: json.dumps(
            dict(plan=plan.checksum, part=number, **counts))})
    os.replace(unfinished, path)
    return Summary(**counts)
