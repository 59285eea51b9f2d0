"""The journal of a long job: what is done, on disk, so that an interrupted job can go on.

A journal has a line of JSON for the settings of the job, one for every record, and one behind each
part of the job that is done. What stands behind the last of these was interrupted and is dropped.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rsn_mm.errors import ExistingFileError, OutputError

from .results import Record

#: Keys of the first line, and of a line behind a part that is done.
SETTINGS, DONE = 'settings', 'inputs_done'
CHECKSUM = 'names_sha256'


def file_stamp(path: str) -> list:
    """A path with the size and the time of its file, which tell whether it has changed."""
    found = os.stat(path) if os.path.isfile(path) else None
    return [path, found and [found.st_size, found.st_mtime_ns]]


class Names:
    """The number of inputs, and a checksum of their names in order."""

    def __init__(self) -> None:
        self.count = 0
        self._hash = hashlib.sha256()

    def add(self, name: str) -> None:
        """Count an input."""
        self.count += 1
        self._hash.update(name.encode(errors='surrogateescape') + b'\0')

    def checksum(self) -> str:
        """Of the names so far."""
        return self._hash.hexdigest()


class Journal:
    """A journal that is open for writing; a second process cannot open it.

    Args:
        path: Its file, new or that of an interrupted job.
        settings: What the results depend on, as JSON holds it.
        restart: Begin anew where the file is of a job with other settings.

    Raises:
        ExistingFileError: If the file is of a job with other settings, or no journal.
        OutputError: If it cannot be written, or another process writes it.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], restart: bool = False) -> None:
        self.path = path
        self.inputs_done = 0  #: number of inputs whose records are there
        self.names_checksum = ''  #: of the names of these inputs
        plain = json.loads(json.dumps(settings))  # as it will be read
        try:
            self._file = open(path, 'a+b')
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f'{path} is in use: another process writes the same results'
                              ) from error
        except OSError as error:
            raise OutputError(f'{path} cannot be written: {error.strerror}') from error
        end = self._find_end(plain, restart)
        self._file.truncate(end)
        if not end:
            self._write(json.dumps({SETTINGS: plain}))
        self._sync()

    def _find_end(self, settings: dict, restart: bool) -> int:
        """Where the journal goes on, 0 for a new one."""
        self._file.seek(0)
        first = self._file.readline()
        if not first.endswith(b'\n'):
            return self._check_start(first, restart)
        try:
            found = json.loads(first)[SETTINGS]
        except (ValueError, KeyError, TypeError):
            return self._check_start(first, restart)
        if found != settings:
            if restart:
                return 0
            changed = [name for name in {**found, **settings}
                       if found.get(name) != settings.get(name)]
            raise ExistingFileError(
                f'{self.path} is what an interrupted run with other settings has left: '
                + '; '.join(f'{name} was {found.get(name)!r}, now {settings.get(name)!r}'
                            for name in changed))
        end = position = len(first)
        for line in self._file:
            position += len(line)
            if line.startswith(f'{{"{DONE}"'.encode()) and line.endswith(b'\n'):
                mark = json.loads(line)
                self.inputs_done, self.names_checksum = mark[DONE], mark[CHECKSUM]
                end = position
        return end

    def _check_start(self, first: bytes, restart: bool) -> int:
        """Accept the beginning of a journal that was interrupted at once, and no other file."""
        start = f'{{"{SETTINGS}"'.encode()
        if restart or start.startswith(first[:len(start)]):
            return 0
        raise ExistingFileError(f'{self.path} is there already, and is not what an interrupted run '
                                'has left')

    def require_same(self, names: Names) -> None:
        """Refuse to go on with other inputs.

        Args:
            names: Of as many inputs as are done.

        Raises:
            ExistingFileError: If they are not those that are done.
        """
        if self.inputs_done and names.checksum() != self.names_checksum:
            raise ExistingFileError(
                f'{self.path} is what an interrupted run with other inputs has left: its first '
                f'{self.inputs_done} have other names or another order')

    def add(self, record: Record) -> None:
        """Write a record.

        Raises:
            OutputError: If it cannot be written, for instance because the disk is full.
        """
        self._write(json.dumps(record, allow_nan=False))

    def mark_done(self, names: Names) -> None:
        """Note that the records of all inputs up to here are there, and wait for the disk.

        Raises:
            OutputError: As in :meth:`add`.
        """
        self._write(json.dumps({DONE: names.count, CHECKSUM: names.checksum()}))
        self._sync()
        self.inputs_done, self.names_checksum = names.count, names.checksum()

    def _write(self, line: str) -> None:
        try:
            self._file.write(line.encode() + b'\n')
        except OSError as error:
            self._refuse(error)

    def _sync(self) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            self._refuse(error)

    def _refuse(self, error: OSError) -> None:
        raise OutputError(f'{self.path} cannot be written: {error.strerror}; what it holds so far '
                          'is kept') from error

    def records(self) -> Iterator[Record]:
        """Read the records of all that is done."""
        with open(self.path, 'rb') as file:
            next(file)
            for line in file:
                record = json.loads(line)
                if DONE not in record:
                    yield record

    def close(self) -> None:
        """Let go of the file, without a word where the disk is full."""
        try:
            self._file.close()
        except OSError:
            pass

    def remove(self) -> None:
        """Remove the file of a job that has ended."""
        os.unlink(self.path)
        self.close()
