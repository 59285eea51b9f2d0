"""What is to be done in a folder of parts: the shards, and what all of their parts depend on.

``FOLDER/_job`` holds the plan, the rows of each shard, and unfinished files. Readers of data sets,
such as ``pyarrow.dataset``, leave folders out whose names begin with ``_``.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rsn_mm.errors import DataError, OptionError, OutputError
from rsn_mm.files import make_folder, written_whole
from rsn_mm.processes import locked_file

from .archives import samples_of
from .rows import ID, Row
from .sources import Manifest, Tars

#: Rows of a shard.
SHARD_SIZE = 1000
FOLDER, PLAN, LOCK = '_job', 'plan.json', 'plan.lock'
SIZE, NUMBER = 'shard_size', 'num_shards'


@dataclass(frozen=True)
class Shard:
    """The images of one part.

    Args:
        number: From 0.
        file: Its archive, or the file with its rows.
        rows: Number of images; ``None`` if only reading the archive tells.
    """

    number: int
    file: Path
    rows: int | None

    def read(self) -> Iterator[Row]:
        """The rows in order.

        Raises:
            MissingFileError, DataError: If they cannot be read.
        """
        if self.rows is None:
            for key, name, data in samples_of(str(self.file)):
                yield Row(f'{self.file}/{name}', name, key, f'sample {key}', str(self.file),
                          data=data)
            return
        with open(self.file, encoding='utf-8', errors='surrogateescape') as lines:
            for line in lines:
                yield Row(**json.loads(line))


@dataclass(frozen=True)
class Plan:
    """A folder of parts.

    Args:
        folder: Where the parts are.
        identity: What the parts depend on.
        shards: One for each part.
        source: What was cut into shards, for messages.
    """

    folder: Path
    identity: dict[str, Any]
    shards: list[Shard]
    source: str

    @property
    def checksum(self) -> str:
        """Of what the parts depend on."""
        return hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()


def prepare(folder: str | os.PathLike, source: Manifest | Tars, settings: Mapping[str, Any],
            shard_size: int | None = None, num_shards: int | None = None) -> Plan:
    """Cut images into shards, or find them cut already by a process with the same settings.

    Processes may do so at the same time; the first one cuts, and the others wait for it.

    Args:
        folder: Where the parts will be, a new folder or that of an interrupted run.
        source: The images.
        settings: What the results depend on besides the images.
        shard_size: Number of rows in a shard of a manifest (default: as the folder has it, or
            1000).
        num_shards: Number of shards in place of their size.

    Raises:
        OutputError: If the folder holds other files, or the parts of other images, settings or
            shards, or if it cannot be written to.
        DataError: If a row of the manifest cannot be used.
        OptionError: If the images cannot be cut like this.
    """
    folder = Path(folder).resolve()  # a worker may have another current folder
    cut = _cut_of(source, shard_size, num_shards)
    identity = json.loads(json.dumps({**source.identity(), **settings}))  # as it will be read
    others = [each for each in folder.iterdir() if each.name[0] not in '._'] \
        if folder.is_dir() else []
    if others and not (folder / FOLDER / PLAN).exists():
        raise OutputError(f'folder {folder} holds other files, such as {others[0].name}; '
                                'choose another folder')
    make_folder(folder / FOLDER, f'parts in {folder}')
    with locked_file(folder / FOLDER / LOCK, wait=True):
        if not (folder / FOLDER / PLAN).exists():
            _write(folder, source, identity, cut or {SIZE: SHARD_SIZE})
        plan = read_plan(folder)
    _check_same(plan, identity, cut)
    return plan


def _cut_of(source: Manifest | Tars, shard_size: int | None, num_shards: int | None
            ) -> dict[str, int]:
    cut = {name: value for name, value in ((SIZE, shard_size), (NUMBER, num_shards))
           if value is not None}
    if len(cut) > 1:
        raise OptionError(f'{SIZE} and {NUMBER} are both given, expected one of them')
    for name, value in cut.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise OptionError(f'{name}={value!r}, expected 1 or more')
    if not isinstance(source, Tars):
        return cut
    if cut not in ({}, {NUMBER: len(source.paths)}):
        raise OptionError(f'{next(iter(cut))}={next(iter(cut.values()))}, but each of the '
                          f'{len(source.paths)} archives is a shard')
    return {}


def _write(folder: Path, source: Manifest | Tars, identity: dict[str, Any], cut: dict[str, int]
           ) -> None:
    """Cut, and write the plan when everything else is there."""
    if isinstance(source, Tars):
        content = dict(identity=identity, source=f'{len(source.paths)} archives', cut={},
                       shards=[dict(file=path, rows=None) for path in source.paths])
    else:
        sizes = _sizes(source.check(), cut, source.path)
        rows = source.rows()
        shards = []
        for number, size in enumerate(sizes):
            name = f'shard-{number:05d}.jsonl'
            with written_whole(folder / FOLDER / name, by_one_process=True) as file:
                for row in islice(rows, size):
                    file.write(json.dumps(_fields(row)).encode() + b'\n')
            shards.append(dict(file=name, rows=size))
        content = dict(identity=identity, source=source.path, cut=cut, shards=shards)
    with written_whole(folder / FOLDER / PLAN, by_one_process=True) as file:
        file.write(json.dumps(content, indent=1).encode())


def _fields(row: Row) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if name == ID or value is not None}


def _sizes(total: int, cut: dict[str, int], name: str) -> list[int]:
    """The number of rows in each shard."""
    if SIZE in cut:
        size = cut[SIZE]
        return [min(size, total - start) for start in range(0, total, size)]
    number = cut[NUMBER]
    if number > total:
        raise OptionError(f'{NUMBER}={number}, but {name} has {total} rows')
    return [total * (k + 1) // number - total * k // number for k in range(number)]


def read_plan(folder: Path) -> Plan:
    """Read what :func:`prepare` has written.

    Raises:
        DataError: If the folder has no plan.
    """
    path = folder / FOLDER / PLAN
    try:
        content = json.loads(path.read_text())
        shards = [Shard(number, folder / FOLDER / each['file'], each['rows'])
                  for number, each in enumerate(content['shards'])]
        return Plan(folder, {**content['identity'], **content['cut']}, shards, content['source'])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f'{path} is not a plan of shards ({error!r})') from error


def _check_same(plan: Plan, identity: dict[str, Any], cut: dict[str, int]) -> None:
    """Refuse the folder of another run."""
    expected = {**{name: plan.identity[name] for name in (SIZE, NUMBER) if name in plan.identity},
                **identity}
    if cut:
        expected = {**identity, **cut}
    changed = [name for name in {**plan.identity, **expected}
               if plan.identity.get(name) != expected.get(name)]
    if changed:
        raise OutputError(
            f'folder {plan.folder} holds the parts of another run: '
            + '; '.join(f'{name} was {_short(plan.identity.get(name))}, now '
                        f'{_short(expected.get(name))}' for name in changed)
            + '; choose another folder')


def _short(value: Any) -> str:
    text = str(value)
    return f'{text[:12]}...' if len(text) == 64 else text
