"""mmengine asks ``pkg_resources`` for installed packages, but setuptools has dropped it.

A finder at the end of ``sys.meta_path`` is asked only if no other finder knows ``pkg_resources``,
so the real module always wins. An entry in ``sys.modules`` would not be enough: mmengine reloads
the module, and a reload looks for it again.
"""

import sys
import warnings
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path

STAND_IN = Path(__file__).with_name('pkg_resources_stand_in.py')


class PkgResourcesFinder:
    """Finds the replacement for ``pkg_resources`` and nothing else."""

    @staticmethod
    def find_spec(name: str, path=None, target=None) -> ModuleSpec | None:
        return spec_from_file_location(name, STAND_IN) if name == 'pkg_resources' else None


def mend() -> None:
    """Let ``import pkg_resources`` succeed if setuptools no longer provides it.

    An older setuptools warns about the import. The warning is silenced for mmengine, whose imports
    nobody can change, and kept for everybody else.
    """
    warnings.filterwarnings('ignore', 'pkg_resources is deprecated', UserWarning,
                            r'mmengine\.utils\.package_utils|importlib')
    if not any(getattr(f, '__name__', '') == PkgResourcesFinder.__name__ for f in sys.meta_path):
        sys.meta_path.append(PkgResourcesFinder)
