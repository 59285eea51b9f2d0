"""From the ``unit`` of a config to the class of the unit and its options."""

from collections.abc import Callable, Mapping
from functools import partial
from inspect import Parameter, signature
from typing import Any

import torch

from rsn_mm.errors import OptionError, RsnMmError
from rsn_mm.registry import UNITS

from .base import ResidualUnit
from .branches import BRANCHES

#: Arguments of a unit that the backbone and the encoder give.
COMMON = {'self', 'in_channels', 'planes', 'stride', 'norm_cfg', 'with_cp'}
#: Values that set an option of a base config back to its default. Where a unit does not have the
#: option, they change nothing and are accepted.
NEUTRAL = dict(num_branches=BRANCHES, variant='paper')
#: Classes and options of the units that have been checked.
_checked: set[tuple[object, str]] = set()


def resolve_unit(unit: str | type | Mapping,
                 options: Mapping[str, Any]) -> tuple[type[ResidualUnit], dict[str, Any]]:
    """The class of a unit, and the options to make it with.

    Args:
        unit: Name of a registered unit or of an importable class (``'package.module.Class'``), a
            class, or a config with one of them as its ``type`` and options beside it.
        options: More options.

    Raises:
        OptionError: If there is no such unit, or it has no such option, or an option has two
            values.
    """
    cfg = dict(unit) if isinstance(unit, Mapping) else dict(type=unit)
    kind = cfg.pop('type', None)
    unit_class = UNITS.get(kind) if isinstance(kind, str) else kind
    if not (isinstance(unit_class, type) and issubclass(unit_class, ResidualUnit)):
        raise OptionError(f'RSN: unit={kind!r}, expected one of {sorted(UNITS.module_dict)} or '
                          'another subclass of ResidualUnit')
    for name in cfg.keys() & options.keys():
        if cfg[name] != options[name]:
            raise OptionError(f'RSN: {name}={options[name]!r}, but its unit has '
                              f'{name}={cfg[name]!r}')
    cfg.update(options)
    known = _argument_names(unit_class) - COMMON
    for name in sorted(cfg.keys() - known):
        if name in options and options[name] == NEUTRAL.get(name):
            del cfg[name]
            continue
        raise OptionError(f'RSN: unit {kind!r} has no option {name}; it has '
                          f'{", ".join(sorted(known))}')
    return unit_class, cfg


def check_unit(make_unit: partial[ResidualUnit]) -> None:
    """Run a unit of stride 2 on tensors without memory, so that a mistake in it is one message.

    Nothing is run again for the same class and options.

    Args:
        make_unit: A class with its options; makes a unit from ``in_channels``, ``planes`` and
            ``stride``.

    Raises:
        OptionError: If it cannot be made or run, or the shapes do not fit.
    """
    key = (make_unit.func, repr(make_unit.keywords))
    if key not in _checked:
        _run_once(make_unit.func.__name__, make_unit)
        _checked.add(key)


def _run_once(name: str, make_unit: Callable[..., ResidualUnit]) -> None:
    stride, x = 2, torch.empty(1, 64, 8, 8, device='meta')
    try:
        with torch.device('meta'):
            unit = make_unit(x.shape[1], x.shape[1], stride=stride).eval()
        features, shortcut = unit.features(x), unit.shortcut(x)
        channels, expected = features.shape[1], unit.fuse.conv.in_channels
        residual = unit.fuse.conv(features) if channels == expected else None
    except RsnMmError:
        raise  # of the unit itself
    except Exception as error:
        raise OptionError(f'the unit {name} fails for an input of shape {tuple(x.shape)} and '
                          f'stride={stride}: {type(error).__name__}: {error}') from error
    if residual is None:
        raise OptionError(f'{name}.features gives {channels} channels, but {name}.fuse takes '
                          f'{expected}')
    if residual.shape != shortcut.shape:
        raise OptionError(
            f'{name}: with stride={stride}, the shortcut has the shape {tuple(shortcut.shape)}, '
            f'but fuse gives {tuple(residual.shape)}: exactly one layer must have the stride, and '
            'fuse must give self.out_channels')


def _argument_names(unit_class: type[ResidualUnit]) -> set[str]:
    """Arguments by name, also those that a class hands on to its base as ``**kwargs``."""
    names = set()
    for cls in unit_class.__mro__:
        parameters = signature(cls.__init__).parameters.values()  # type: ignore[misc]
        names |= {p.name for p in parameters if p.kind is not Parameter.VAR_KEYWORD}
        if not any(p.kind is Parameter.VAR_KEYWORD for p in parameters):
            break
    return names
