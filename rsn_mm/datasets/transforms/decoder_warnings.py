"""What the decoders of images say about damage, which they write to the standard error."""

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

#: Messages of libjpeg and libpng about damage that they decode all the same.
DAMAGE = re.compile(r'^(?:Corrupt JPEG data|Premature end of JPEG|Invalid SOS|libpng (?:error|'
                    r'warning)|Unsupported marker type).*\n?', re.MULTILINE)
STDERR = 2
#: The standard error belongs to the whole process.
_LOCK = threading.Lock()


@contextmanager
def decoder_warnings() -> Iterator[list[str]]:
    """Collect what the decoders of JPEG and PNG files write to the standard error.

    Whatever else is written there meanwhile appears behind the block.

    Yields:
        A list, which has the lines after the block.
    """
    lines: list[str] = []
    try:
        screen = os.dup(STDERR)
    except OSError:  # of a process without a standard error
        yield lines
        return
    with _LOCK, _memory_file() as file:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(file.fileno(), STDERR)
        try:
            yield lines
        finally:
            os.dup2(screen, STDERR)
            os.close(screen)
            file.seek(0)
            text = file.read().decode(errors='surrogateescape')
            lines += map(str.strip, DAMAGE.findall(text))
            rest = DAMAGE.sub('', text)
            if rest:
                os.write(STDERR, rest.encode(errors='surrogateescape'))


def _memory_file() -> BinaryIO:
    """A temporary file, in memory where the system has such files."""
    if hasattr(os, 'memfd_create'):
        return os.fdopen(os.memfd_create('decoder_warnings'), 'w+b')
    return tempfile.TemporaryFile()
