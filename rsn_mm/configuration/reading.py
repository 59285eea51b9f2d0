"""Reads a config file and changes it, so that every change has an effect."""

import os
import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from rsn_mm.compat.config_variables import changed_variables
from rsn_mm.errors import ChangeError, OptionError, RsnMmError, listing

from .keys import TOP_KEYS, unknown_types, unread_entries
from .names import dotted_keys, suggestion, typo_of
from .shipped import find_config


def read_config(path: str | os.PathLike, changes: Mapping[str, Any] | None = None) -> Config:
    """Read a config file, and change entries of it.

    A variable of the file, such as ``max_epochs`` or ``train_pipeline``, is changed where the file
    assigns it, so that the entries that it is used for change with it.

    Args:
        path: A Python file, in the format of mmengine's configs, or the name of one that comes
            with the package, see :func:`.find_config`.
        changes: Values by key, for example ``{'model.backbone.depth': 50}``.

    Raises:
        MissingFileError: If there is no such file.
        ChangeError: If a change has no effect, because nothing reads its key or no entry depends
            on its variable, or leads into something that has no entries.
        OptionError: If the file is not Python or cannot be read.
    """
    changes = dict(changes or {})
    path = find_config(path)
    if Path(path).suffix != '.py':
        # Other formats look like data, but mmengine's reader of YAML runs what a file tells it to.
        raise OptionError(f'config {path}: expected a Python file (.py)')
    original = _read(path, {})
    for key in changes:
        _require_place(original, key)
    variables = {key: value for key, value in changes.items() if _name(key) not in TOP_KEYS}
    for key, value in variables.items():
        _require_effect(original, _read(path, {key: value}), key, value)
    if changes:
        cfg = _read(path, variables)
        cfg.merge_from_dict(changes)
        _require_readers(original, cfg, list(changes))
    return cfg if changes else original


def check_names(cfg: Config) -> None:
    """Refuse names in a config that are most likely typos.

    Raises:
        OptionError: If nothing reads an entry, and its name is nearly one that would be read; or
            if no registry has a type.
    """
    for name in cfg:
        meant = None if name in TOP_KEYS else typo_of(name, TOP_KEYS)
        if meant is not None and not _is_used(cfg, name):
            raise OptionError(f'{cfg.filename}: nothing reads {name}; did you mean {meant}?')
    for entry in unread_entries(cfg):
        name = entry.key.rpartition('.')[2]
        meant = typo_of(name, {each.rpartition('.')[2] for each in entry.legal})
        if meant is not None:
            raise OptionError(f'{cfg.filename}: nothing reads {entry.key}; did you mean {meant}?')

    for key, kind, meant in unknown_types(cfg):
        hint = f'; did you mean {meant!r}?' if meant else ''
        raise OptionError(f'{cfg.filename}: {key} is {kind!r}, which no registry has{hint}')


def _is_used(cfg: Config, name: str) -> bool:
    """Whether the text of a config has a name more than once."""
    return len(re.findall(rf'\b{name}\b', cfg.text or '')) > 1


def _name(key: str) -> str:
    return key.partition('.')[0]


def _read(path: str | os.PathLike, variables: Mapping[str, Any]) -> Config:
    try:
        with changed_variables(variables):
            return Config.fromfile(path)
    except RsnMmError:
        raise
    except Exception as error:  # a config is a program
        lines = [f' ({frame.filename}, line {frame.lineno})'
                 for frame in traceback.extract_tb(error.__traceback__) if frame.name == '<module>']
        changed = f' with {listing(f"{k}={v}" for k, v in variables.items())}' if variables else ''
        raise OptionError(f'config {path}{changed} cannot be read: {type(error).__name__}: {error}'
                          + ''.join(lines[-1:])) from error


def _require_place(cfg: Config, key: str) -> None:
    """Refuse a key that leads into something without entries, or beside the entries of a list."""
    entry: Any = dict(cfg.items())
    names = key.split('.')
    if names[0] not in TOP_KEYS and names[0] not in cfg:
        raise ChangeError(f'{key}: nothing reads {names[0]}'
                          + suggestion(key, names[0], TOP_KEYS | set(cfg), _read_part(cfg)))
    for i, name in enumerate(names):
        here = '.'.join(names[:i])
        if isinstance(entry, list):
            if not name.isdigit() or int(name) >= len(entry):
                raise ChangeError(f'{key}: {here} is a list of {len(entry)}, expected an index '
                                  f'from 0 to {len(entry) - 1}, as in {here}.0')
            if i + 1 == len(names):
                raise ChangeError(f'{key}: the entry of a list can only be changed in part; set '
                                  f'{here} as a whole')
            entry = entry[int(name)]
        elif isinstance(entry, Mapping):
            if name not in entry:
                return
            entry = entry[name]
        else:
            raise ChangeError(f'{key}: {here} is {entry!r}, which has no entries to change; set '
                              'it as a whole')


def _read_part(cfg: Config) -> dict:
    """A config without its variables."""
    return {key: value for key, value in cfg.items() if key in TOP_KEYS}


def _require_effect(original: Config, changed: Config, key: str, value: object) -> None:
    """Refuse a change of a variable that changes nothing but itself."""
    before = _value(original, key)
    if before == value or _read_part(original) != _read_part(changed):
        return
    places = [each for each in dotted_keys(_read_part(original))
              if before is not None and _value(original, each) == before]
    hint = f'; change what has its value: {listing(places)}' if places else ''
    raise ChangeError(f'{key}: it is a variable of the config file that no entry follows{hint}')


def _value(cfg: Config, key: str) -> Any:
    """The value of a key, ``None`` where there is none."""
    entry: Any = dict(cfg.items())
    for name in key.split('.'):
        if isinstance(entry, (list, tuple)):
            entry = entry[int(name)]
        else:
            entry = entry.get(name) if isinstance(entry, Mapping) else None
    return entry


def _require_readers(original: Config, cfg: Config, keys: list[str]) -> None:
    """Refuse changes after which there are entries that nothing reads."""
    before = {entry.key for entry in unread_entries(original)}
    for entry in unread_entries(cfg):
        related = [key for key in keys if f'{key}.'.startswith(f'{entry.key}.')
                   or entry.key.startswith(f'{key}.')]
        if entry.key not in before or related:
            last = entry.key.rpartition('.')[2]
            key = (related or [k for k in keys if last in k.split('.')] or keys)[0]
            raise ChangeError(
                f'{key}: nothing reads {entry.key}' + suggestion(
                    key if key.startswith(entry.key) else entry.key, entry.key, entry.legal,
                    _read_part(original)))
