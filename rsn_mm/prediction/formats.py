"""The files that results are written to, by their endings."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rsn_mm.errors import OptionError, OutputError
from rsn_mm.files import written_whole
from rsn_mm.packages import needed

from .results import Record

if TYPE_CHECKING:
    import pyarrow as pa

#: Gives the records again and again, since some formats need them twice.
Records = Callable[[], Iterable[Record]]
#: The only category of COCO's keypoints, persons.
CATEGORY = 1
#: Frames in a row group of a Parquet file.
ROW_GROUP = 1024


def _write_lines(file: BinaryIO, records: Records, joints: Sequence[str]) -> None:
    """One record per line, also those of inputs that were skipped."""
    for record in records():
        file.write(json.dumps(record).encode() + b'\n')


def _write_coco(file: BinaryIO, records: Records, joints: Sequence[str]) -> None:
    """COCO's results: a list with an entry per person."""
    numbered = _are_numbers(record['image'] for record in _frames(records))
    separator = b'[\n'
    for record in _frames(records):
        name = record['image']
        image = int(_stem(name)) if numbered else name
        if 'frame' in record:
            image = f'{name}#{record["frame"]}'
        for person in record['people']:
            file.write(separator + json.dumps(dict(
                image_id=image, category_id=CATEGORY,
                keypoints=[number for joint in person['keypoints'] for number in joint],
                score=person['score'],
                **({'track_id': person['track']} if 'track' in person else {}))).encode())
            separator = b',\n'
    file.write(b'\n]\n' if separator == b',\n' else b'[]\n')


def _are_numbers(names: Iterable[str]) -> bool:
    """Whether the file names are numbers, as COCO's are, and all different."""
    seen: set[int] = set()
    for name in names:
        stem = _stem(name)
        if not stem.isdecimal() or int(stem) in seen:
            return False
        seen.add(int(stem))
    return True


def _stem(name: str) -> str:
    return os.path.splitext(os.path.basename(name))[0]


def _write_table(file: BinaryIO, records: Records, joints: Sequence[str]) -> None:
    """A row per person: where it is, then x, y and score of each joint."""
    text = io.TextIOWrapper(file, encoding='utf-8', errors='surrogateescape', newline='',
                            write_through=True)
    rows = csv.writer(text)
    rows.writerow(['image', 'frame', 'seconds', 'person', 'track', 'score', 'x1', 'y1', 'x2', 'y2',
                   *(f'{joint}_{what}' for joint in joints for what in ('x', 'y', 'score'))])
    for record in _frames(records):
        for n, person in enumerate(record['people']):
            rows.writerow([record['image'], record.get('frame'), record.get('seconds'), n,
                           person.get('track'), person['score'], *person['box'],
                           *(number for joint in person['keypoints'] for number in joint)])
    text.detach()


def _write_parquet(file: BinaryIO, records: Records, joints: Sequence[str]) -> None:
    """A row per frame with lists of its people, so that frames without people are there too."""
    write_rows(file, records(), frame_schema(joints))


def frame_schema(joints: Sequence[str], first: Sequence[str] = ()) -> 'pa.Schema':
    """The columns of Parquet files of records.

    Args:
        joints: Names of the joints, which the metadata of the schema hold.
        first: Names of additional columns of text, which come first.
    """
    import pyarrow as pa
    number = pa.float64()
    person = pa.struct([('score', number), ('box', pa.list_(number)), ('track', pa.int64()),
                        ('keypoints', pa.list_(pa.list_(number)))])
    return pa.schema(
        [*((name, pa.string()) for name in first), ('image', pa.string()),
         ('frame', pa.int64()), ('seconds', number),
         ('width', pa.int64()), ('height', pa.int64()),
         ('people', pa.list_(person)), ('error', pa.string())],
        metadata={'joints': json.dumps(list(joints))})


def write_rows(file: BinaryIO, records: Iterable[Record], schema: 'pa.Schema',
               metadata: Callable[[], dict[str, str]] = dict) -> None:
    """Write a Parquet file, of which only one row group is in memory.

    Args:
        file: Where to.
        records: The rows, see :func:`rsn_mm.prediction.results.record_of`.
        schema: Of :func:`frame_schema`.
        metadata: Called after the last row for metadata of the file.
    """
    import pyarrow.parquet as pq
    with pq.ParquetWriter(file, schema) as writer:
        for rows in _grouped(records, ROW_GROUP):
            writer.write_table(table_of(rows, schema))
        writer.add_key_value_metadata(metadata())


def table_of(records: list[Record], schema: 'pa.Schema') -> 'pa.Table':
    """The rows of records."""
    import pyarrow as pa
    for record in records:  # names of files that are not UTF-8 cannot stay as they are
        name = record['image'].encode(errors='surrogateescape')
        record['image'] = name.decode(errors='replace')
    return pa.Table.from_pylist(records, schema)


def _grouped(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    group: list[Record] = []
    for record in records:
        group.append(record)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _frames(records: Records) -> Iterator[Record]:
    """The records of frames, without those of inputs that were skipped."""
    return (record for record in records() if 'people' in record)


#: What writes a file, by its ending.
WRITERS = {'.json': _write_coco, '.jsonl': _write_lines, '.csv': _write_table,
           '.parquet': _write_parquet}


def check_format(path: str | os.PathLike) -> None:
    """Refuse a file whose format is unknown, or needs a package that is not installed.

    Raises:
        OptionError: If the format is unknown.
        MissingPackageError: If the package is not installed.
    """
    ending = Path(path).suffix
    if ending not in WRITERS:
        raise OptionError(f'{path}: expected a file ending with {", ".join(WRITERS)}')
    if ending == '.parquet':
        needed('pyarrow.parquet', f'{path}: Parquet', 'parquet')


def write_results(path: str | os.PathLike, records: Records, joints: Sequence[str]) -> None:
    """Write records in the format of the file's ending; the file appears whole or not at all.

    Args:
        path: File to write, which is replaced if it exists.
        records: Gives the records.
        joints: Names of the joints.

    Raises:
        OutputError: If it cannot be written.
    """
    try:
        with written_whole(path, by_one_process=True) as file:
            WRITERS[Path(path).suffix](file, records, joints)
    except OSError as error:
        raise OutputError(f'{path} cannot be written: {error.strerror or error}') from error
