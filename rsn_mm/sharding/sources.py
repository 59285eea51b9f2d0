"""What is cut into shards: the rows of a manifest, or archives that are shards already."""

import csv
import hashlib
import json
import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from rsn_mm.errors import DataError, MissingFileError, OptionError, listing
from rsn_mm.packages import needed

from .archives import check_whole
from .rows import BOXES, ID, MEMBER, PATH, Row, row_of

CHUNK = 1 << 20  #: bytes, and rows of a Parquet file that are read at once
ROWS_AT_ONCE = 1024

Entries = Iterator[tuple[str, Mapping[str, Any]]]  # where it stands, and its fields


def checksum(path: str | os.PathLike) -> str:
    """SHA-256 of a file.

    Raises:
        MissingFileError: If it does not exist.
        DataError: If it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, 'rb') as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except FileNotFoundError as error:
        raise MissingFileError(f'{path} does not exist') from error
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror}') from error
    return digest.hexdigest()


class Manifest:
    """A file with a row per image: ``id``, ``path``, and perhaps ``member`` and ``boxes``.

    A path that is not absolute begins at the folder of the manifest. With a ``member``, the path is
    that of a tar archive. ``boxes`` is a list of [x1, y1, x2, y2] or [x1, y1, x2, y2, score] in
    image pixels, in a CSV file as JSON. Other columns are ignored.

    Args:
        path: Parquet (.parquet), CSV (.csv) or JSON Lines (.jsonl).

    Raises:
        MissingFileError: If it does not exist.
        DataError: If it has another ending, cannot be read, or has no rows.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.fspath(path)
        ending = Path(path).suffix.lower()
        if ending not in READERS:
            raise DataError(f'{self.path}: expected a manifest ending with {", ".join(READERS)}')
        self._read = READERS[ending]
        self._sha256 = checksum(path)
        first = next(self._entries(), None)
        if first is None:
            raise DataError(f'{self.path}: the manifest has no rows')
        self.has_boxes = BOXES in first[1]

    def identity(self) -> dict[str, str]:
        """What tells it from other manifests."""
        return dict(manifest=self._sha256, folder=self._folder)

    @property
    def _folder(self) -> str:
        return str(Path(self.path).resolve().parent)

    def _entries(self) -> Entries:
        try:
            yield from self._read(self.path)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f'{self.path} cannot be read: {error}') from error

    def rows(self) -> Iterator[Row]:
        """The rows in order.

        Raises:
            DataError: If one cannot be used. The message names it.
        """
        for where, entry in self._entries():
            try:
                yield row_of(entry, where, self.has_boxes, self._folder)
            except DataError as error:
                raise DataError(f'{self.path}, {error}') from error

    def check(self) -> int:
        """Check all rows; returns their number.

        Raises:
            DataError: If a row cannot be used, or an id is there twice.
        """
        # 8 bytes of each id, since a manifest may have more ids than fit into memory.
        digests = array('Q')
        for row in self.rows():
            digests.append(_short_digest(row.id))
        values, counts = np.unique(np.frombuffer(digests, np.uint64), return_counts=True)
        self._check_ids(set(values[counts > 1].tolist()))
        return len(digests)

    def _check_ids(self, suspects: set[int]) -> None:
        """Look whether different rows have the same id; only those with such digests can."""
        seen: dict[str, str] = {}
        for row in self.rows() if suspects else ():
            if _short_digest(row.id) in suspects:
                if row.id in seen:
                    raise DataError(f'{self.path}, {row.where}: {ID} {row.id!r} is that of '
                                    f'{seen[row.id]} too, expected different ids')
                seen[row.id] = row.where


def _short_digest(text: str) -> int:
    data = text.encode(errors='surrogateescape')
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), 'little')


def _of_lines(path: str) -> Entries:
    with open(path, encoding='utf-8-sig') as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
            except ValueError as error:
                raise DataError(f'{path}, line {number} is not JSON: {error}') from error
            if not isinstance(entry, dict):
                raise DataError(f'{path}, line {number}: {line.strip()[:80]}, expected an object '
                                f'with {ID} and {PATH}')
            yield f'line {number}', entry


def _of_table(path: str) -> Entries:
    with open(path, encoding='utf-8-sig', newline='') as file:
        rows = csv.DictReader(file)
        _check_columns(path, rows.fieldnames or ())
        for row in rows:
            where = f'line {rows.line_num}'
            if None in row:
                raise DataError(f'{path}, {where}: more fields than the first line has')
            entry: dict[str, Any] = dict(row)
            if BOXES in entry:
                try:
                    entry[BOXES] = json.loads(entry[BOXES] or 'null')
                except ValueError as error:
                    raise DataError(f'{path}, {where}: {BOXES} is {entry[BOXES]!r}, expected JSON '
                                    f'such as "[[10, 20, 110, 320]]" ({error})') from error
            yield where, entry


def _of_parquet(path: str) -> Entries:
    pq: Any = needed('pyarrow.parquet', path, 'parquet')
    pa: Any = needed('pyarrow', path, 'parquet')
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        _check_columns(path, names)
        columns = [name for name in (ID, PATH, MEMBER, BOXES) if name in names]
        batches = file.iter_batches(ROWS_AT_ONCE, columns=columns)
        for number, entry in enumerate(chain.from_iterable(map(_entries_of, batches))):
            yield f'row {number}', entry
    except pa.ArrowException as error:
        raise DataError(f'{path} cannot be read: {error}') from error


def _entries_of(batch: Any) -> list[dict[str, Any]]:
    return batch.to_pylist()


def _check_columns(path: str, names: Sequence[str]) -> None:
    missing = [name for name in (ID, PATH) if name not in names]
    if missing:
        raise DataError(f'{path} has no column {listing(missing)}; expected {ID}, {PATH}, and '
                        f'perhaps {MEMBER} and {BOXES}, and found {listing(names) or "none"}')


#: What reads a manifest, by its ending.
READERS = {'.parquet': _of_parquet, '.csv': _of_table, '.jsonl': _of_lines}


class Tars:
    """Archives of webdataset, such as the NNNNN.tar of img2dataset, each of which is a shard.

    Args:
        paths: The archives.

    Raises:
        MissingFileError: If one does not exist.
        DataError: If one is cut off.
        OptionError: If there is none, or one is there twice.
    """

    has_boxes = False

    def __init__(self, paths: Sequence[str | os.PathLike]) -> None:
        self.paths = [str(Path(path).resolve()) for path in paths]
        if not paths or len(set(self.paths)) < len(self.paths):
            raise OptionError(f'{listing(map(str, paths), 3) or "no archive"}: expected one '
                              'archive or more, and each once')
        for path in self.paths:
            check_whole(path)

    def identity(self) -> dict[str, str]:
        """What tells them from other archives: their names and sizes."""
        sizes = [[path, os.path.getsize(path)] for path in self.paths]
        return dict(archives=hashlib.sha256(json.dumps(sizes).encode()).hexdigest())
