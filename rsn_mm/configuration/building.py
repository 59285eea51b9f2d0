"""Which entry of a config it was that could not be built."""

import errno
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType, NoneType, TracebackType, UnionType
from typing import Any, Union, get_args, get_origin

import torch
from mmengine.config import Config
from mmengine.registry import build_from_cfg
from mmengine.runner import Runner
from torch import nn

from rsn_mm.errors import EntryError, OptionError, OptionTypeError, RsnMmError, listing

from .keys import TOP_KEYS, entries
from .signatures import options_of, registered
from .values import shown, where

#: Functions that build something, and their argument that is an entry of the config.
BUILDERS: dict[CodeType, str] = {
    build_from_cfg.__code__: 'cfg',
    Runner.build_dataloader.__code__: 'dataloader',
    Runner.build_train_loop.__code__: 'loop',
    Runner.build_optim_wrapper.__code__: 'optim_wrapper',
    Runner._build_param_scheduler.__code__: 'scheduler',
}
#: Functions that say which loop something is built for, where several have the same entries.
LOOPS = {Runner.build_train_loop.__code__: 'train', Runner.build_val_loop.__code__: 'val',
         Runner.build_test_loop.__code__: 'test'}
#: Errors of a disk, which no entry of a config is to blame for.
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
#: Options that a message shows, if the error names more.
NUM_BLAMED = 3
#: What stands before the names of types.
PACKAGES = re.compile(r'\b(\w+\.)+(?=\w)')
UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")


@contextmanager
def explained(cfg: Config, everything: bool = False) -> Iterator[None]:
    """Report what a class of a config refuses as an error about the entry of the config.

    Args:
        cfg: The config that something is built from.
        everything: Also explain errors that do not come from building a single entry.

    Raises:
        EntryError: If an entry could not be built. The message names the config, the key, what
            was found and, where it is known, what was expected. Its cause is the original error.
    """
    try:
        yield
    except (OptionError, OptionTypeError) as error:
        if isinstance(error, EntryError) or failed_entry(error, cfg) is None:
            raise
        raise EntryError(explain(error, cfg)) from error
    except RsnMmError:
        raise
    except Exception as error:
        is_disk = isinstance(error, OSError) and error.errno in DISK_ERRORS
        if is_disk or not everything and failed_entry(error, cfg) is None:
            raise
        raise EntryError(explain(error, cfg)) from error


@contextmanager
def naming_part(model: nn.Module, what: str) -> Iterator[None]:
    """Report an error of a model as one about its part, such as the head, that it comes from.

    Args:
        model: The model.
        what: What it does, for the message.

    Raises:
        EntryError: If it fails, except for a lack of memory.
    """
    try:
        yield
    except (OptionError, RuntimeError, TypeError, ValueError, LookupError, AttributeError,
            ArithmeticError, AssertionError) as error:
        if isinstance(error, (torch.OutOfMemoryError, EntryError)):
            raise
        raise EntryError(f'{_part(model, error)} fails at {what}: {reason_of(error)}') from error


def _part(model: nn.Module, error: BaseException) -> str:
    parts = {id(module): name for name, module in model.named_children()}
    found = ''
    for _, names in _frames(error.__traceback__):
        found = parts.get(id(names.get('self')), found)
    part = getattr(model, found) if found else model
    return f'model{"." if found else ""}{found} ({type(part).__name__})'


def failed_entry(error: BaseException, cfg: Config) -> tuple[str, Mapping] | None:
    """The key and the content of the innermost entry that was being built when an error arose."""
    found = None
    within = prefix = ''
    for code, names in _frames(error.__traceback__):
        prefix = LOOPS.get(code, prefix)
        entry = names.get(BUILDERS.get(code, ''))
        if isinstance(entry, Mapping):
            key = _find(entry, cfg, within, prefix)
            if key is not None:
                found, within = (key, entry), key
    return found


def explain(error: Exception, cfg: Config) -> str:
    """One sentence on an error while something was built from a config."""
    found = failed_entry(error, cfg)
    reason = reason_of(error)
    if found is None:
        return f'{where(cfg)}{reason}'
    key, entry = found
    kind = entry.get('type')
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    called = registered(name, cfg.get('default_scope') or 'mmengine') if isinstance(
        kind, str) else (kind, ) if kind else ()
    unexpected = UNEXPECTED.search(str(error))
    if unexpected and unexpected[1] in entry:
        legal = [sorted(options_of(each) or ()) for each in called]
        expected = f', expected one of {listing(legal[0], 30)}' if legal and legal[0] else ''
        return f'{where(cfg)}{key}.{unexpected[1]}: {name} has no such option{expected}'
    values = _blamed(key, entry, str(error), called)
    return f'{where(cfg)}{values or key}' + (f' ({name})' if name else '') + f': {reason}'


def reason_of(error: BaseException) -> str:
    """The message of an error in one line, with its class if that is not ours."""
    text = ' '.join(str(error).split())
    if isinstance(error, RsnMmError):
        return text
    return f'{type(error).__name__}: {text}' if text else type(error).__name__


def _frames(trace: TracebackType | None) -> Iterator[tuple[CodeType, dict[str, Any]]]:
    while trace is not None:
        yield trace.tb_frame.f_code, trace.tb_frame.f_locals
        trace = trace.tb_next


def _find(entry: Mapping, cfg: Config, within: str, prefix: str) -> str | None:
    """The key of an entry, which may have got more names while it was being built.

    Args:
        entry: What was built.
        cfg: The config.
        within: Key of an entry in which it is preferred.
        prefix: Beginning of the keys that are preferred.
    """
    candidates = [(key, value) for name in filter(TOP_KEYS.__contains__, cfg)
                  for key, value in _mappings(cfg[name], name)
                  if value and _is_part(value, entry)]
    if not candidates:
        return None
    return max(candidates, key=lambda each: (
        bool(within) and f'{each[0]}.'.startswith(f'{within}.'), each[0].startswith(prefix),
        len(each[1])))[0]


def _mappings(value: object, key: str) -> Iterator[tuple[str, Mapping]]:
    if isinstance(value, Mapping):
        yield key, value
    for name, each in entries(value):
        yield from _mappings(each, f'{key}.{name}')


def _is_part(value: Mapping, entry: Mapping) -> bool:
    """Whether all that an entry of a config has is in what was built from it."""
    if value.get('type') != entry.get('type'):
        return False
    try:
        return all(name in entry and bool(entry[name] == each) for name, each in value.items())
    except (TypeError, ValueError, RuntimeError):  # arrays and tensors
        return False


def _blamed(key: str, entry: Mapping, message: str, called: tuple) -> str:
    """The options of an entry that an error is about: those that it names, or of a wrong type."""
    options = [name for name in entry if name not in ('type', '_scope_')]
    named = [name for name in options if re.search(rf'\b{re.escape(name)}\b', message)]
    if named:
        return '; '.join(f'{key}.{name} is {shown(entry[name])}' for name in named[:NUM_BLAMED])
    for name in options:
        kind = _annotation(name, called)
        if not _allows(kind, entry[name]):
            return f'{key}.{name} is {shown(entry[name])}, expected {_name_of(kind)}'
    return ''


def _annotation(option: str, called: tuple) -> Any:
    for each in called:
        try:
            parameters = inspect.signature(each).parameters
        except (TypeError, ValueError):
            continue
        if option in parameters and parameters[option].annotation is not inspect.Parameter.empty:
            return parameters[option].annotation
    return None


def _allows(kind: Any, value: object) -> bool:
    """Whether a value may be of an annotated type; if in doubt, it may."""
    origin = get_origin(kind) or kind
    if origin in (Union, UnionType):
        return any(_allows(each, value) for each in get_args(kind))
    if origin is float:
        return type(value) in (int, float)
    if origin is int:
        return type(value) is int
    if origin in (list, tuple, Sequence):
        return isinstance(value, (list, tuple))
    if origin in (bool, str, dict, Mapping, NoneType):
        return isinstance(value, origin)
    return not isinstance(origin, type) or issubclass(origin, Mapping) <= isinstance(
        value, Mapping)


def _name_of(kind: Any) -> str:
    return PACKAGES.sub('', kind.__name__ if type(kind) is type else str(kind))
