"""Run code in a fresh Python, where nothing has been imported or mended yet."""

import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent

from tests.forks import ROOT, Fork

# Makes modules look absent to `import` and to `find_spec`, whatever is installed.
HIDE = '''
import sys

def is_hidden(name):
    return any(name == hidden or name.startswith(hidden + '.') for hidden in {names!r})

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if is_hidden(name) else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):  # a finder also lists the installed packages
        return getattr(self.finder, name)

sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
for name in [*filter(is_hidden, sys.modules)]:  # imported before the process was forked
    del sys.modules[name]
'''


def run_fresh(code: str, paths: Iterable[Path] = (), without: tuple[str, ...] = (),
              fails: bool = False, bare: bool = False) -> str:
    """Run code and return what it prints; with ``fails``, the traceback it ends with.

    Args:
        code: Python source, indented or not.
        paths: Folders to find modules in before all others.
        without: Modules that are to look as if they were not installed.
        fails: The code must end with an exception.
        bare: Nothing at all has been imported. Otherwise torch has, and more that comes from
            elsewhere than OpenMMLab (``tests/forks.py``), which saves seconds.
    """
    search = [str(path) for path in (*paths, ROOT)]
    # Before the current folder, which PYTHONPATH is not.
    code = (f'import sys, warnings; sys.path[:0] = {search!r}; warnings.simplefilter("ignore")\n'
            + (HIDE.format(names=without) if without else '') + dedent(code))
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(search), 'OMP_NUM_THREADS': '1'}
    if bare:
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', code],
            env=env, cwd=ROOT, capture_output=True, text=True, timeout=600)
        out, error = done.stdout, done.stderr
    else:
        with Fork(code, cwd=ROOT, env=env, is_code=True, merge=False) as done, \
                ThreadPoolExecutor() as pool:
            out, error = pool.map(lambda stream: stream.read(), (done.stdout, done.stderr))
    assert (done.returncode != 0) == fails, out + error
    return error if fails else out


def write_package(folder: Path, name: str, source: str = '', version: str | None = None) -> None:
    """Write a package, and with a version also what pip leaves beside it."""
    if version is not None:
        source = f'__version__ = {version!r}\n' + source
        info = folder / f'{name}-{version}.dist-info'
        info.mkdir(parents=True)
        (info / 'METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / '__init__.py').write_text(source)
