"""The rooms of the package: which may import which, and how large they are."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.doc_blocks import blocks_of
from tests.fresh import ROOT

PACKAGE = 'rsn_mm'
LARGEST_MODULE = 300  # lines
LARGEST_ROOM = 0.2  # share of the package's lines


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {module_name(path): path for path in sorted((ROOT / PACKAGE).rglob('*.py'))}


def imports_of(name: str) -> set[str]:
    """The modules of the package that a module imports, at its top or in a function."""
    path, found = MODULES[name], set()
    package = name if path.name == '__init__.py' else name.rpartition('.')[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split('.')[:1 - node.level or None] if node.level else []
            base = '.'.join([*above, *filter(None, [node.module])])
            names = {f'{base}.{alias.name}' for alias in node.names}
            found |= {name if name in MODULES else base for name in names}
    return {found_name for found_name in found if found_name in MODULES}


IMPORTS = {name: imports_of(name) for name in MODULES}


def room_of(module: str) -> str:
    """The folder or file below the package; the package itself is a room without a name."""
    return module.split('.')[1] if '.' in module else ''


@pytest.fixture(scope='module')
def floors() -> dict[str, int]:
    """The floor of each room, from 0 at the top, as docs/architecture.md draws them."""
    drawing, = (block.text for block in blocks_of(ROOT / 'docs/architecture.md')
                if block.text.startswith('cli'))
    return {room: floor for floor, line in enumerate(drawing.splitlines())
            for room in line.split()}


def test_drawing_has_every_room(floors):
    assert set(floors) == {room_of(module) for module in MODULES} - {''}


def test_rooms_import_from_lower_floors_only(floors):
    upwards = {f'{name} imports {other}' for name, others in IMPORTS.items() for other in others
               if room_of(name) and room_of(name) != room_of(other)
               and (not room_of(other) or floors[room_of(other)] <= floors[room_of(name)])}
    assert not upwards


def test_no_files_import_each_other_in_a_circle():
    list(TopologicalSorter(IMPORTS).static_order())  # raises CycleError


def test_modules_and_rooms_are_small():
    lines = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert not {name: count for name, count in lines.items() if count >= LARGEST_MODULE}
    shares = {room_of(name): 0 for name in lines}
    for name, count in lines.items():
        shares[room_of(name)] += count / sum(lines.values())
    assert not {room: share for room, share in shares.items() if share > LARGEST_ROOM}
