"""The options that a class, or a function, of a registry takes."""

import difflib
import inspect
from collections.abc import Callable
from functools import cache
from importlib import import_module

from mmengine.hooks import CheckpointHook
from mmengine.registry import Registry, root
from mmengine.runner import Runner
from mmpose.registry import KEYPOINT_CODECS
from torch import nn

from rsn_mm.registry import UNITS

#: The registries of what a config names.
REGISTRIES = (
    root.DATASETS, root.DATA_SAMPLERS, root.EVALUATOR, root.FUNCTIONS, root.HOOKS,
    root.LOG_PROCESSORS, root.LOOPS, root.METRICS, root.MODELS, root.MODEL_WRAPPERS,
    root.OPTIMIZERS, root.OPTIM_WRAPPERS, root.OPTIM_WRAPPER_CONSTRUCTORS, root.PARAM_SCHEDULERS,
    root.TASK_UTILS, root.TRANSFORMS, root.VISBACKENDS, root.VISUALIZERS, root.WEIGHT_INITIALIZERS,
    KEYPOINT_CODECS, UNITS)
#: Where the ``**kwargs`` of a class go, if not to the classes that it derives from.
FORWARDED = {CheckpointHook: Runner.save_checkpoint}
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@cache
def registered(kind: str, scope: str) -> tuple[Callable, ...]:
    """Everything that registries have under a name.

    Args:
        kind: A name with or without a scope.
        scope: Scope of a name without one.
    """
    prefix, _, name = kind.rpartition('.')
    scope = prefix or scope
    if scope.isidentifier():
        try:
            import_module(f'{scope}.registry')
        except ImportError:  # of a package that is not installed, or has no registries
            return ()
    found = (_lookup(registry.children.get(scope, registry), name) for registry in REGISTRIES)
    return tuple(each for each in found if each is not None)


def similar(kind: str, scope: str) -> str | None:
    """The registered name that is most like a name, with the scope that is a prefix of it."""
    prefix, _, name = kind.rpartition('.')
    names = {each for registry in REGISTRIES if (prefix or scope) in registry.children
             for each in registry.children[prefix or scope].module_dict}
    near = difflib.get_close_matches(name, names, 1)
    return f'{prefix}.{near[0]}'.lstrip('.') if near else None


def _lookup(registry: Registry | None, name: str) -> Callable | None:
    # Registry.get would also import a module of that name from anywhere.
    while registry is not None:
        registry.import_from_location()
        if name in registry.module_dict:
            return registry.module_dict[name]
        registry = registry.parent
    return None


@cache
def options_of(called: Callable) -> frozenset[str] | None:
    """The keyword arguments of a class or function.

    The ``**kwargs`` of a class stand for the options of the classes that it derives from.

    Returns:
        Their names, or ``None`` if any may be allowed.
    """
    functions = _initializers(called) if inspect.isclass(called) else [called]
    names: set[str] = set()
    closed = not functions  # such a class takes no arguments
    for function in functions:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):  # not written in Python
            return None
        names.update(each.name for each in parameters if each.kind not in VARIADIC)
        closed = closed or not any(each.kind in VARIADIC for each in parameters)
        if closed and function is functions[0]:
            break  # it does not pass options on
    return frozenset(names - {'self'}) if closed else None


def _initializers(kind: type) -> list[Callable]:
    """The ``__init__`` of a class and of those that it derives from, if they take options."""
    bases = [base for base in kind.__mro__
             if '__init__' in vars(base) and base not in (object, nn.Module)]
    return [vars(base)['__init__'] for base in bases] + [
        FORWARDED[base] for base in bases if base in FORWARDED]
