"""Version checks: a wrong package gives one sentence with the command that mends it."""

import importlib
import importlib.metadata
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from rsn_mm.errors import RsnMmError

MMCV_WITH_OPS_COMMAND = (
    'pip install "setuptools<81" ninja psutil; MMCV_WITH_OPS=1 FORCE_CUDA=0 '
    'pip install --no-deps --no-build-isolation --no-binary mmcv mmcv==2.1.0'
)
#: Its setup.py fails on Python 3.13 and later, unless this folder is in ``PYTHONPATH``.
XTCOCOTOOLS_BUILD = Path(__file__).with_name('xtcocotools_build')
XTCOCOTOOLS_COMMAND = (
    (f'PYTHONPATH={shlex.quote(str(XTCOCOTOOLS_BUILD))} ' if sys.version_info >= (3, 13) else '')
    + 'pip install --force-reinstall --no-cache-dir --no-deps --no-build-isolation '
    '--no-binary xtcocotools xtcocotools==1.14.3'
)

#: Packages whose name differs from the name of their module.
PACKAGE_OF = {'cv2': 'opencv-python', 'PIL': 'pillow', 'yaml': 'pyyaml'}


class StackError(RsnMmError, ImportError):
    """A package is missing, broken, or of a version that does not work here."""


@dataclass(frozen=True)
class Requirement:
    """The versions of one package that work.

    Args:
        module: Name under which it is imported.
        minimum: Lowest version that works.
        below: Lowest version that no longer works; ``None`` if no such version is known.
        command: Command that installs a version that works.
        distributions: Names under which it is installed, if they differ from the module's.
    """

    module: str
    minimum: str
    below: str | None
    command: str
    distributions: tuple[str, ...] = ()

    def accepts(self, version: str) -> bool:
        # The base version lets local builds ('2.13.0+cpu') and release candidates through.
        found = Version(Version(version).base_version)
        return Version(self.minimum) <= found and (
            self.below is None or found < Version(self.below)
        )

    @property
    def range(self) -> str:
        return f'>={self.minimum}' + (f',<{self.below}' if self.below else '')


# In the order in which they import one another, so that the first error is the cause.
REQUIREMENTS = (
    Requirement('numpy', '1.26', None, 'pip install "numpy>=1.26"'),
    Requirement('torch', '2.6', None, 'pip install torch==2.13.0'),
    Requirement('mmengine', '0.10', '1.0', 'pip install mmengine==0.10.7'),
    Requirement(
        'mmcv',
        '2.0',
        '2.2',
        'pip uninstall -y mmcv mmcv-full mmcv-lite; pip install --no-deps mmcv-lite==2.1.0',
        ('mmcv', 'mmcv-lite', 'mmcv-full'),
    ),
    Requirement('mmdet', '3.0', '3.4', 'pip install --no-deps mmdet==3.3.0'),
    Requirement('mmpose', '1.2', '1.4', 'pip install --no-deps mmpose==1.3.2'),
)


def check_stack() -> None:
    """Import the packages in ``REQUIREMENTS`` and compare their versions.

    Raises:
        StackError: For the first package that is missing, broken, or of a wrong version.
    """
    for requirement in REQUIREMENTS:
        _check(requirement)
    _check_xtcocotools()


def _check(requirement: Requirement) -> None:
    name, wanted = requirement.module, f'rsn_mm needs {requirement.module}{requirement.range}'
    # OpenMMLab packages refuse each other's versions on import, so the installed version is
    # checked before the import is tried.
    version = _installed_version(requirement)
    if version is not None and not requirement.accepts(version):
        raise StackError(f'{wanted}, found {version}; mend it with: {requirement.command}')
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise StackError(
                f'{name} cannot be imported, it needs {error.name}, which is not installed; '
                f'mend it with: pip install {PACKAGE_OF.get(str(error.name), error.name)}'
            ) from error
        raise StackError(
            f'{wanted}, which is not installed; mend it with: {requirement.command}'
        ) from error
    except AssertionError as error:  # a version check of the package itself
        raise StackError(
            f'{name} {version} does not work with what is installed ({_one_line(error)}); '
            f'mend it with: {requirement.command}'
        ) from error
    if not requirement.accepts(module.__version__):
        raise StackError(
            f'{wanted}, found {module.__version__} in {module.__file__}; '
            f'mend it with: {requirement.command}'
        )


def _installed_version(requirement: Requirement) -> str | None:
    for distribution in requirement.distributions or (requirement.module,):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _check_xtcocotools() -> None:
    try:
        importlib.import_module('xtcocotools._mask')
    except ModuleNotFoundError as error:
        raise StackError(
            f'mmpose needs xtcocotools, which is not installed; mend it with: '
            f'{XTCOCOTOOLS_COMMAND}'
        ) from error
    except (ValueError, ImportError) as error:
        # Its wheels were built against NumPy 1: "numpy.dtype size changed".
        raise StackError(
            f'xtcocotools was built against another NumPy than the one installed '
            f'({_one_line(error)}); mend it with: {XTCOCOTOOLS_COMMAND}'
        ) from error


def _one_line(error: BaseException) -> str:
    return ' '.join(str(error).split()).rstrip('.')
