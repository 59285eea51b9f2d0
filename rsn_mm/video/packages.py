"""The packages of the extra ``video``, imported when they are needed."""

from importlib import import_module
from types import ModuleType

from rsn_mm.errors import MissingPackageError


def package(name: str, purpose: str) -> ModuleType:
    """Import a package that only videos need.

    Args:
        name: Name of the package.
        purpose: What needs it, for the message.

    Raises:
        MissingPackageError: If the package is not installed or cannot be imported.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            f'{purpose} needs the package {name}, which cannot be imported ({error}): '
            "pip install 'rsn_mm[video]'") from error
