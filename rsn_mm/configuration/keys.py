"""Which entries of a config something reads."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import torch
from mmengine import hooks, optim, runner, visualization
from mmengine.config import Config
from mmengine.dist import init_dist
from mmengine.utils.dl_utils import set_multi_processing
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import nn
from torch.utils.data import DataLoader

from .signatures import options_of, registered, similar

#: What mmengine's runner reads of a config besides its own arguments.
RUNNER_KEYS = frozenset((
    'activation_checkpointing', 'compile', 'efficient_conv_bn_eval', 'find_unused_parameters',
    'model_wrapper_cfg', 'runner_type', 'sync_bn'))
#: What the loader of config files and the inferencers read.
OTHER_KEYS = frozenset(('custom_imports', 'data_mode', 'dataset_info', 'preprocess_cfg'))
TOP_KEYS = (options_of(runner.Runner) or frozenset()) - {'cfg'} | RUNNER_KEYS | OTHER_KEYS
#: Options that what a runner builds from a config does not get from the config.
GIVEN = frozenset(('runner', 'dataloader', 'evaluator', 'params', 'distributed'))

#: What an entry without a type stands for. The first pattern that fits a key counts.
UNTYPED: tuple[tuple[str, Callable], ...] = (
    ('train_cfg', runner.EpochBasedTrainLoop),
    ('val_cfg', runner.ValLoop),
    ('test_cfg', runner.TestLoop),
    ('optim_wrapper', optim.OptimWrapper),
    ('log_processor', runner.LogProcessor),
    ('visualizer', visualization.Visualizer),
    ('default_hooks.runtime_info', hooks.RuntimeInfoHook),
    ('default_hooks.timer', hooks.IterTimerHook),
    ('default_hooks.sampler_seed', hooks.DistSamplerSeedHook),
    ('default_hooks.logger', hooks.LoggerHook),
    ('default_hooks.param_scheduler', hooks.ParamSchedulerHook),
    ('default_hooks.checkpoint', hooks.CheckpointHook),
    ('*_dataloader', DataLoader),
    ('randomness', runner.Runner.set_randomness),
    ('env_cfg.mp_cfg', set_multi_processing),
    ('env_cfg.dist_cfg', init_dist),
    ('compile', torch.compile),
)
#: What is read besides the arguments of the entry's class.
MORE: tuple[tuple[str, frozenset[str]], ...] = (
    ('*_dataloader', frozenset(('num_batch_per_epoch', 'disable_subprocess_warning'))),
    ('train_cfg', frozenset(('by_epoch', ))),
    ('optim_wrapper', frozenset(('constructor', 'paramwise_cfg', 'type'))),
    ('*_hooks.*', frozenset(('priority', ))),
    ('param_scheduler*', frozenset(('convert_to_iter_based', ))),
)
#: Entries of which others than the class of their type read a part.
OPEN = ('model.*_cfg', 'model.*_cfg.*', '*.dcn')
#: Entries whose type must be in a registry.
REGISTERED = (
    'model', 'model.backbone', 'model.neck', 'model.head', 'model.head.decoder', '*_dataloader',
    '*_dataloader.dataset', '*_dataloader.sampler', '*.pipeline.[0-9]', '*.pipeline.[0-9][0-9]',
    '*_evaluator', '*_evaluator.[0-9]', 'custom_hooks.[0-9]', 'default_hooks.*', 'optim_wrapper',
    'optim_wrapper.optimizer', 'param_scheduler', 'param_scheduler.[0-9]', 'visualizer',
    'log_processor', 'train_cfg', 'val_cfg', 'test_cfg')
#: Entries that no class takes as its arguments.
PLAIN: tuple[tuple[str, frozenset[str]], ...] = (
    ('env_cfg', frozenset(('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'))),
    ('auto_scale_lr', frozenset(('enable', 'base_batch_size'))),
    ('custom_imports', frozenset(('imports', 'allow_failed_imports'))),
)
PARAMWISE = frozenset((
    'custom_keys', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult', 'dwconv_decay_mult',
    'flat_decay_mult', 'dcn_offset_lr_mult', 'bypass_duplicate'))

TEST_OPTION = r'''test_cfg(?:\.get\(|\[)\s*['"](\w+)'''


@dataclass(frozen=True)
class Unread:
    """An entry that nothing reads.

    Attributes:
        key: Its key, with dots.
        legal: The keys that could stand in its place.
    """
    key: str
    legal: frozenset[str]


def unread_entries(cfg: Config) -> Iterator[Unread]:
    """The entries that nothing reads, below the top of a config.

    An entry is known to be read if it is an argument of the class that the ``type`` beside it
    names. Where this cannot be told, as in an entry without a type, everything may be read.
    """
    scope = cfg.get('default_scope') or 'mmengine'
    for key in filter(TOP_KEYS.__contains__, cfg):
        yield from _unread(cfg[key], key, scope, cfg)


def _unread(value: object, key: str, scope: str, cfg: Config) -> Iterator[Unread]:
    if isinstance(value, (list, tuple)):
        for i, each in enumerate(value):
            yield from _unread(each, f'{key}.{i}', scope, cfg)
    elif isinstance(value, Mapping):
        scope = value.get('_scope_', scope)
        legal = legal_names(value, key, scope, cfg)
        for name, each in value.items():
            if legal is None or name in legal or name == '_scope_':
                yield from _unread(each, f'{key}.{name}', scope, cfg)
            else:
                yield Unread(f'{key}.{name}', frozenset(f'{key}.{each}' for each in legal))


def unknown_types(cfg: Config) -> Iterator[tuple[str, str, str | None]]:
    """The types that no registry has: their keys, names, and the most similar name."""
    scope = cfg.get('default_scope') or 'mmengine'
    for key in filter(TOP_KEYS.__contains__, cfg):
        yield from _unknown(cfg[key], key, scope)


def _unknown(value: object, key: str, scope: str) -> Iterator[tuple[str, str, str | None]]:
    if isinstance(value, Mapping):
        scope = value.get('_scope_', scope)
        kind = value.get('type')
        if isinstance(kind, str) and any(fnmatch(key, pattern) for pattern in REGISTERED) \
                and not registered(kind, scope):
            yield f'{key}.type', kind, similar(kind, scope)
    for name, each in entries(value):
        yield from _unknown(each, f'{key}.{name}', scope)


def entries(value: object) -> Iterator[tuple[Any, Any]]:
    """The entries of a dict or a list, with their names or indices."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)


def legal_names(entry: Mapping, key: str, scope: str, cfg: Config) -> frozenset[str] | None:
    """The names that an entry of a config may have; ``None`` if they cannot be told."""
    for pattern, names in PLAIN:
        if fnmatch(key, pattern):
            return names
    if key == 'default_hooks':
        defaults = (pattern.partition('.')[2] for pattern, _ in UNTYPED)
        with_type = (name for name, hook in entry.items() if not hook or 'type' in hook)
        return frozenset((*filter(None, defaults), *with_type))
    if key == 'model.test_cfg':
        return _test_options(cfg['model'], scope)
    if any(fnmatch(key, pattern) for pattern in OPEN):
        return None
    if key == 'optim_wrapper.paramwise_cfg':
        return None if 'constructor' in cfg['optim_wrapper'] else PARAMWISE
    kind = entry.get('type')
    if kind is None:
        called = tuple(each for pattern, each in UNTYPED if fnmatch(key, pattern))[:1]
        if key == 'train_cfg' and not entry.get('by_epoch', True):
            called = (runner.IterBasedTrainLoop, )
    else:
        called = registered(kind, scope) if isinstance(kind, str) else (kind, )
    options = [options_of(each) for each in called]
    if not options or None in options:
        return None
    more = [names for pattern, names in MORE if fnmatch(key, pattern)]
    typed = {'type'} if kind is not None else set()
    return frozenset(typed.union(*filter(None, options), *more) - GIVEN)


def _test_options(model: Mapping, scope: str) -> frozenset[str] | None:
    """The names that the source of a top-down estimator and its head looks up in ``test_cfg``."""
    kinds = [kind for name in _types(model) for kind in registered(name, scope)
             if inspect.isclass(kind)]
    if not any(issubclass(kind, TopdownPoseEstimator) for kind in kinds):
        return None
    modules = {inspect.getmodule(base) for kind in kinds for base in kind.__mro__
               if issubclass(base, nn.Module)} - {nn.modules.module}
    return frozenset(name for module in modules if module is not None
                     for name in re.findall(TEST_OPTION, inspect.getsource(module)))


def _types(entry: object) -> Iterator[str]:
    if isinstance(entry, Mapping):
        if isinstance(entry.get('type'), str):
            yield entry['type']
        for each in entry.values():
            yield from _types(each)
