"""Values of a config that no run can use, though they would be found late or never."""

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from math import isfinite
from typing import Any, NamedTuple

from mmengine.config import Config

from rsn_mm.errors import OptionError

from .keys import TOP_KEYS, entries

#: How many characters of a value a message shows.
SHOWN = 80
FLIP_MODES = ('heatmap', 'udp_combined', 'offset_heatmap')
START_METHODS = ('fork', 'spawn', 'forkserver')
LEVELS = ('CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG', 'NOTSET')
RULES = ('greater', 'less')


class Rule(NamedTuple):
    """What a value must be."""
    expected: str
    holds: Callable[[Any], bool]


def _is_integer(value: object) -> bool:
    return type(value) is int


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value)


def _at_least(minimum: int) -> Rule:
    return Rule(f'an integer of {minimum} or more',
                lambda value: _is_integer(value) and value >= minimum)


def _or_none(rule: Rule) -> Rule:
    return Rule(f'{rule.expected}, or None', lambda value: value is None or rule.holds(value))


def _one_of(*values: object) -> Rule:
    return Rule(f'one of {", ".join(map(repr, values))}', lambda value: value in values)


def _listed(value: object, holds: Callable[[Any], bool]) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(map(holds, value))


ENTRY = Rule('a dict', lambda value: isinstance(value, Mapping))
ENTRIES = Rule('a list of dicts', lambda value: isinstance(value, (list, tuple)) and all(
    isinstance(each, Mapping) for each in value))
ENTRY_OR_LIST = Rule('a dict or a list of dicts',
                     lambda value: ENTRY.holds(value) or ENTRIES.holds(value))
FLAG = Rule('True or False', lambda value: isinstance(value, bool))
TEXT = Rule('a text', lambda value: isinstance(value, str) and bool(value))
NOT_NEGATIVE = Rule('a finite number of 0 or more', lambda value: _is_number(value) and value >= 0)
POSITIVE = Rule('a finite number above 0', lambda value: _is_number(value) and value > 0)
INTERVAL = Rule('an integer of 1 or more, or -1 for never',
                lambda value: _is_integer(value) and (value >= 1 or value == -1))

#: What the values of keys must be. All patterns that fit a key count.
VALUES: tuple[tuple[str, Rule], ...] = (
    ('model', ENTRY), ('model.backbone', ENTRY), ('model.head', _or_none(ENTRY)),
    ('*_dataloader', _or_none(ENTRY)), ('*_dataloader.dataset', ENTRY),
    ('*_dataloader.dataset.pipeline', ENTRIES),
    ('*_evaluator', _or_none(ENTRY_OR_LIST)), ('train_cfg', _or_none(ENTRY)),
    ('val_cfg', _or_none(ENTRY)), ('test_cfg', _or_none(ENTRY)),
    ('optim_wrapper', _or_none(ENTRY)), ('param_scheduler', _or_none(Rule(
        'a dict or a list of dicts', lambda value: isinstance(value, (Mapping, list, tuple))))),
    ('default_hooks', _or_none(ENTRY)), ('default_hooks.*', _or_none(ENTRY)),
    ('custom_hooks', _or_none(ENTRIES)), ('visualizer', _or_none(ENTRY)),
    ('log_processor', _or_none(ENTRY)), ('env_cfg', ENTRY), ('env_cfg.mp_cfg', ENTRY),
    ('env_cfg.dist_cfg', ENTRY), ('randomness', ENTRY), ('auto_scale_lr', _or_none(ENTRY)),
    ('work_dir', _or_none(TEXT)), ('load_from', _or_none(TEXT)), ('default_scope', _or_none(TEXT)),
    ('resume', FLAG), ('log_level', Rule(
        f'one of {", ".join(LEVELS)}',
        lambda value: isinstance(value, str) and value.upper() in LEVELS)),
    # The length of a training.
    ('train_cfg.max_epochs', _at_least(1)), ('train_cfg.max_iters', _at_least(1)),
    ('train_cfg.val_interval', _at_least(1)), ('train_cfg.val_begin', _at_least(0)),
    ('train_cfg.by_epoch', FLAG), ('val_cfg.fp16', FLAG), ('test_cfg.fp16', FLAG),
    # The loaders.
    ('*_dataloader.batch_size', _at_least(1)), ('*_dataloader.num_workers', _at_least(0)),
    ('*_dataloader.prefetch_factor', _or_none(_at_least(1))),
    ('*_dataloader.timeout', NOT_NEGATIVE), ('*_dataloader.persistent_workers', FLAG),
    ('*_dataloader.drop_last', FLAG), ('*_dataloader.pin_memory', FLAG),
    ('*_dataloader.sampler.shuffle', FLAG), ('*_dataloader.sampler.round_up', FLAG),
    ('*_dataloader.dataset.test_mode', FLAG),
    ('*_dataloader.dataset.sample_interval', _at_least(1)),
    # The optimizer.
    ('optim_wrapper.optimizer', ENTRY), ('optim_wrapper.optimizer.lr', NOT_NEGATIVE),
    ('optim_wrapper.optimizer.weight_decay', NOT_NEGATIVE),
    ('optim_wrapper.optimizer.momentum', NOT_NEGATIVE),
    ('optim_wrapper.accumulative_counts', _at_least(1)),
    ('optim_wrapper.clip_grad', _or_none(ENTRY)), ('optim_wrapper.clip_grad.max_norm', Rule(
        'a number above 0', lambda value: type(value) in (int, float) and value > 0)),
    ('param_scheduler.*.by_epoch', FLAG), ('param_scheduler.*.gamma', POSITIVE),
    ('param_scheduler.*.begin', _at_least(0)), ('param_scheduler.*.milestones', Rule(
        'a list of integers of 0 or more that rise', lambda value: _listed(
            value, _at_least(0).holds) and list(value) == sorted(value))),
    ('auto_scale_lr.base_batch_size', _at_least(1)), ('auto_scale_lr.enable', FLAG),
    # The model.
    ('model.data_preprocessor', _or_none(ENTRY)), ('model.data_preprocessor.mean', _or_none(Rule(
        'a list of finite numbers', lambda value: _listed(value, _is_number)))),
    ('model.data_preprocessor.std', _or_none(Rule(
        'a list of finite numbers above 0', lambda value: _listed(value, POSITIVE.holds)))),
    ('model.data_preprocessor.bgr_to_rgb', FLAG), ('model.data_preprocessor.rgb_to_bgr', FLAG),
    ('model.test_cfg', _or_none(ENTRY)), ('model.test_cfg.flip_test', FLAG),
    ('model.test_cfg.shift_heatmap', FLAG), ('model.test_cfg.flip_mode', _one_of(*FLIP_MODES)),
    # The hooks.
    ('default_hooks.checkpoint.interval', INTERVAL),
    ('default_hooks.checkpoint.max_keep_ckpts', INTERVAL),
    ('default_hooks.checkpoint.save_best', _or_none(Rule(
        'the name of a metric or a list of names', lambda value: TEXT.holds(value) or _listed(
            value, TEXT.holds)))),
    ('default_hooks.checkpoint.rule', _or_none(Rule(
        f'{" or ".join(map(repr, RULES))}, or a list of these', lambda value: value in RULES
        or _listed(value, RULES.__contains__)))),
    ('default_hooks.logger.interval', _at_least(1)),
    ('default_hooks.visualization.interval', _at_least(1)),
    ('default_hooks.*.enable', FLAG), ('log_processor.window_size', _at_least(1)),
    ('log_processor.num_digits', _at_least(0)), ('log_processor.by_epoch', FLAG),
    # The environment.
    ('randomness.seed', _or_none(Rule('an integer from 0 to 2**32 - 1', lambda value: _is_integer(
        value) and 0 <= value < 2**32))),
    ('randomness.deterministic', FLAG), ('randomness.diff_rank_seed', FLAG),
    ('env_cfg.cudnn_benchmark', FLAG),
    ('env_cfg.mp_cfg.mp_start_method', _one_of(*START_METHODS)),
    ('env_cfg.mp_cfg.opencv_num_threads', _at_least(0)),
    ('env_cfg.dist_cfg.backend', TEXT), ('env_cfg.dist_cfg.timeout', POSITIVE))


def check_values(cfg: Config) -> None:
    """Refuse values of a config that no run can use.

    Raises:
        OptionError: If a value breaks its rule; the message names the config, the key, what was
            found and what was expected.
    """
    for name in filter(TOP_KEYS.__contains__, cfg):
        for key, value in _dotted(cfg[name], name):
            for pattern, rule in VALUES:
                if fnmatch(key, pattern) and key.count('.') == pattern.count('.') \
                        and not rule.holds(value):
                    raise OptionError(f'{where(cfg)}{key} is {shown(value)}, expected '
                                      f'{rule.expected}')


def where(cfg: Config) -> str:
    """The beginning of a message about a config: its file, if it has one."""
    return f'{cfg.filename}: ' if getattr(cfg, 'filename', None) else 'config: '


def shown(value: object) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= SHOWN else f'{text[:SHOWN]} ...'


def _dotted(value: object, key: str) -> Iterator[tuple[str, Any]]:
    """An entry and all entries in it, with their keys."""
    yield key, value
    for name, each in entries(value):
        yield from _dotted(each, f'{key}.{name}')
