"""The packages of the extra ``video``, imported when they are needed."""

from types import ModuleType

from rsn_mm.packages import needed


def package(name: str, purpose: str) -> ModuleType:
    """Import a package that only videos need.

    Args:
        name: Name of the package.
        purpose: What needs it, for the message.

    Raises:
        MissingPackageError: If the package is not installed or cannot be imported.
    """
    return needed(name, purpose, 'video')
