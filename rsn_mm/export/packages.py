"""Packages that only exporting and other runtimes need."""

from importlib import import_module
from typing import Any

from rsn_mm.compat.stack import StackError


def need(package: str, purpose: str) -> Any:
    """Import a package.

    Args:
        package: Its name.
        purpose: What needs it, for the message.

    Raises:
        StackError: If it is not installed, or cannot be imported.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise StackError(
            f'{purpose} needs {package}: pip install {package} ({error})') from error
