"""What is wrong with a checkpoint, in one message."""

from collections.abc import Iterable

#: Names that a message lists before it only counts.
LISTED = 8


class CheckpointError(ValueError):
    """A checkpoint that cannot be read, written or converted; the message is for the user."""


def listing(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    names = list(names)
    more = f' and {len(names) - LISTED} more' if len(names) > LISTED else ''
    return ', '.join(names[:LISTED]) + more
