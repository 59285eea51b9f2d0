"""Packages that only some functions need, imported when these are called."""

from importlib import import_module
from types import ModuleType

from rsn_mm.errors import MissingPackageError


def needed(name: str, purpose: str, extra: str) -> ModuleType:
    """Import a package of an extra of this package.

    Args:
        name: Name of the package.
        purpose: What needs it, for the message.
        extra: The extra that installs it.

    Raises:
        MissingPackageError: If the package is not installed or cannot be imported.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            f'{purpose} needs the package {name}, which cannot be imported ({error}): '
            f"pip install 'rsn_mm[{extra}]'") from error
