"""Images in tar archives: single ones by name, and all of a shard of webdataset in order."""

import os
import tarfile
from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock
from typing import Any, BinaryIO

from rsn_mm.errors import DataError, MissingFileError
from rsn_mm.packages import needed

#: Archives that are open at the same time.
NUM_OPEN = 8
#: Two empty blocks end an archive.
END_BYTES = 1024
#: Endings of the image of a sample, as webdataset gives them.
IMAGE_ENDINGS = ('jpg', 'jpeg', 'png', 'webp', 'avif', 'bmp', 'tif', 'tiff')

Member = tuple[int, int]  # where its bytes begin, and how many there are


class Archives:
    """Reads members of tar archives; the latest archives stay open. Threads may share it."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, tuple[BinaryIO, dict[str, Member]]] = OrderedDict()
        self._lock = Lock()

    def read(self, path: str, member: str) -> bytes:
        """Read a member.

        Raises:
            MissingFileError: If the archive does not exist.
            DataError: If it is no tar archive, is compressed, or has no such member.
        """
        with self._lock:
            if path not in self._open:
                self._open[path] = _index(path)
                if len(self._open) > NUM_OPEN:
                    self._open.popitem(last=False)[1][0].close()
            self._open.move_to_end(path)
            file, members = self._open[path]
            if member not in members:
                raise DataError(f'{path} has no file {member}')
            start, size = members[member]
            try:
                return os.pread(file.fileno(), size, start)
            except OSError as error:
                raise DataError(f'{path} cannot be read: {error.strerror}') from error


def _index(path: str) -> tuple[BinaryIO, dict[str, Member]]:
    """Open an archive, and find its members."""
    file = _opened(path)
    try:
        with tarfile.open(fileobj=file, mode='r:') as archive:
            return file, {each.name: (each.offset_data, each.size)
                          for each in archive if each.isfile()}
    except (tarfile.TarError, OSError) as error:
        file.close()
        raise DataError(f'{path}: expected a tar archive that is whole and not compressed ({error})'
                        ) from error


def _opened(path: str) -> BinaryIO:
    try:
        return open(path, 'rb')
    except FileNotFoundError as error:
        raise MissingFileError(f'{path} does not exist') from error
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror}') from error


def check_whole(path: str) -> None:
    """Refuse an archive that was cut off, which could be read without an error up to there.

    Raises:
        MissingFileError: If it does not exist.
        DataError: If its end is missing.
    """
    with _opened(path) as file:
        try:
            file.seek(-END_BYTES, os.SEEK_END)
            end = file.read()
        except OSError:  # shorter than that
            end = b''
    if end != bytes(END_BYTES):
        raise DataError(f'{path}: the end of a tar archive is missing; fetch the file again')


def check_library() -> Any:
    """Return what reads shards of webdataset.

    Raises:
        MissingPackageError: If it is not installed.
    """
    return needed('webdataset.tariterators', 'reading the shards of webdataset', 'webdataset')


def samples_of(path: str) -> Iterator[tuple[str, str, bytes]]:
    """The images of a shard of webdataset, as img2dataset writes them.

    Yields:
        For each sample its key, the name of its image, and the bytes of the image, which are empty
        if the sample has none.

    Raises:
        MissingPackageError: If webdataset is not installed.
        MissingFileError: If the archive does not exist.
        DataError: If it cannot be read.
    """
    webdataset = check_library()
    with _opened(path) as stream:
        # An open file, since webdataset takes a path for an address or a command.
        files = webdataset.tar_file_expander([dict(url=path, stream=stream)])
        try:
            for sample in webdataset.group_by_keys(files):
                ending = next((each for each in IMAGE_ENDINGS if each in sample), None)
                key = sample['__key__']
                yield (key, f'{key}.{ending}', sample[ending]) if ending else (key, key, b'')
        except (tarfile.TarError, OSError, ValueError) as error:
            raise DataError(f'{path} cannot be read: {error.args[0] if error.args else error}'
                            ) from error
