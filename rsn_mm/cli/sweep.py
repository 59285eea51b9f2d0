"""A list of runs that are to be compared, as a YAML file says it."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from mmengine.config import Config

from rsn_mm.errors import CommandError, listing

KEYS = dict(config=str, metrics=dict, groups=list)
GROUP_KEYS = dict(title=str, seeds=list, runs=dict)


@dataclass(frozen=True)
class Run:
    """One training and its evaluation."""

    name: str
    group: str
    seed: int
    config: Path
    options: dict = field(hash=False)  #: Entries of the config that differ from the file.

    def __str__(self) -> str:
        return f'{self.name}, seed {self.seed}'

    @property
    def folder(self) -> str:
        """Name of the folder of its files."""
        return re.sub(r'[^a-z0-9]+', '-', self.name.lower()).strip('-') + f'_seed{self.seed}'

    def build_config(self) -> Config:
        """The config that it is trained with."""
        cfg = Config.fromfile(self.config)
        try:
            cfg.merge_from_dict({**self.options, 'randomness.seed': self.seed})
        except (KeyError, TypeError) as error:
            raise CommandError(f'run {self.name!r}: its options do not fit {self.config}: '
                               f'{error.args[0]}') from error
        return cfg


@dataclass(frozen=True)
class Sweep:
    """Runs in the order in which they are made.

    Attributes:
        metrics: What the tables call a metric, and its name in the results of the evaluation.
    """

    runs: tuple[Run, ...]
    metrics: dict[str, str]

    def select(self, names: Sequence[str]) -> list[Run]:
        """The runs of these names.

        Raises:
            CommandError: If there is no run of a name.
        """
        known = list(dict.fromkeys(run.name for run in self.runs))
        for name in names:
            if name not in known:
                similar = difflib.get_close_matches(name, known, 1)
                hint = f'did you mean {similar[0]!r}?' if similar else f'expected {listing(known)}'
                raise CommandError(f'there is no run {name!r}; {hint}')
        return [run for run in self.runs if run.name in names]


def read_sweep(path: Path) -> Sweep:
    """Read a sweep.

    The file has ``config``, the config of all runs (relative to the file); ``metrics``, from the
    names in the tables to those in the results; and ``groups`` with a ``title``, ``seeds`` and
    ``runs``, from a name to the entries that this run changes, among them ``config`` for another
    config. The runs of a group are made seed by seed.

    Raises:
        CommandError: If there is no such file, or it is not as described.
    """
    if not path.is_file():
        raise CommandError(f'sweep {path} does not exist')
    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandError(f'sweep {path} is no YAML file: {error}') from error
    _check(path, 'the file', content, KEYS)
    runs = []
    for group in content['groups']:
        _check(path, 'a group', group, GROUP_KEYS)
        if not group['seeds'] or not all(type(seed) is int for seed in group['seeds']):
            raise CommandError(f'sweep {path}: seeds {group["seeds"]} of group '
                               f'{group["title"]!r}, expected one or more integers')
        for seed in group['seeds']:
            for name, changes in group['runs'].items():
                changes = dict(changes or {})
                config = path.parent / changes.pop('config', content['config'])
                if not config.is_file():
                    raise CommandError(f'sweep {path}: config {config} of run {name!r} does not '
                                       'exist')
                runs.append(Run(str(name), group['title'], seed, config, changes))
    folders = [run.folder for run in runs]
    double = [str(run) for run in runs if folders.count(run.folder) > 1]
    if double:
        raise CommandError(f'sweep {path}: these runs cannot be told apart: {listing(double)}')
    return Sweep(tuple(runs), content['metrics'])


def _check(path: Path, what: str, content: object, keys: Mapping[str, type]) -> None:
    if not isinstance(content, dict) or content.keys() != keys.keys():
        found = sorted(content) if isinstance(content, dict) else content
        raise CommandError(f'sweep {path}: {what} has {found!r}, expected {sorted(keys)}')
    for name, kind in keys.items():
        if not isinstance(content[name], kind):
            raise CommandError(f'sweep {path}: {name} is {content[name]!r}, expected '
                               f'a {kind.__name__}')
