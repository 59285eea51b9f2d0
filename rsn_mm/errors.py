"""Every error of this package whose message is for the user.

Each descends from :class:`RsnMmError`, and from the built-in error that callers of such an
interface expect.
"""

from collections.abc import Iterable

#: Names that a message lists before it only counts the rest.
NUM_LISTED = 8


class RsnMmError(Exception):
    """Something that the user can mend; the message says where it is and what was expected."""


class OptionError(RsnMmError, ValueError):
    """An argument, or an entry of a config, that has a wrong value or contradicts another one."""


class ChangeError(OptionError):
    """A change of a config that has no effect or cannot be made."""


class EntryError(OptionError):
    """An entry of a config that cannot be built or used; the cause is the error of its code."""


class OptionTypeError(RsnMmError, TypeError):
    """An argument of a wrong type."""


class MissingFileError(RsnMmError, FileNotFoundError):
    """A file that does not exist."""


class OutputError(RsnMmError, ValueError):
    """A file that cannot be written, or that something would be lost by writing."""


class ExistingFileError(OutputError):
    """A file that exists and was not to be overwritten."""


class BusyFolderError(RsnMmError):
    """A folder that another process is working in."""


class DivergedError(RsnMmError, ArithmeticError):
    """A training whose loss or weights are no longer finite."""


class StoppedError(RsnMmError):
    """A training that was asked to stop, and has saved what it needs to go on."""

    #: Status that a command ends with (EX_TEMPFAIL of sysexits.h: try again).
    exit_status = 75


class DataError(RsnMmError, ValueError):
    """Images, annotations or detections that cannot be used."""


class CheckpointError(RsnMmError, ValueError):
    """A checkpoint that cannot be read or converted, or that does not fit the model."""


class ForeignCheckpointError(CheckpointError):
    """A checkpoint that other software may have written, so that converting it may help."""


class EnsembleError(RsnMmError, ValueError):
    """Members of an ensemble that are incomplete or do not go together."""


class MissingPackageError(RsnMmError, ImportError):
    """A package that is not installed, and that only some functions need."""


class ExportError(RsnMmError, ValueError):
    """An exported file that cannot be made, read or run."""


class CommandError(RsnMmError):
    """A command that cannot be carried out."""


def require_at_least(owner: str, minimum: int, **options: int) -> None:
    """Refuse options below a minimum.

    Args:
        owner: Class that has the options, for the message.
        minimum: Smallest value that is allowed.
        options: Values by option name.

    Raises:
        OptionError: If a value is smaller.
    """
    for name, value in options.items():
        if value < minimum:
            raise OptionError(f'{owner}: {name}={value}, expected {minimum} or more')


def listing(names: Iterable[str], num_listed: int = NUM_LISTED) -> str:
    """The first names, and how many more there are."""
    names = list(names)
    more = f' and {len(names) - num_listed} more' if len(names) > num_listed else ''
    return ', '.join(names[:num_listed]) + more
