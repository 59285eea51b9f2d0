"""Lets the setup.py of xtcocotools run on Python 3.13 and later.

It reads its version from names that ``exec`` has left among the local variables of a function, and
Python 3.13 ended that (PEP 667). With this folder in ``PYTHONPATH``, ``exec`` leaves them there.
Nothing but the build of that one package should run so.
"""

import builtins
import sys

_exec = builtins.exec


def exec_in_caller(source, variables=None, local_variables=None, /, **options) -> None:
    """Do what ``exec`` did before Python 3.13 where a function calls it without variables."""
    if variables is None:
        caller = sys._getframe(1)
        variables, local_variables = caller.f_globals, caller.f_locals
    _exec(source, variables, local_variables, **options)


if sys.version_info >= (3, 13):
    builtins.exec = exec_in_caller
