"""What the installed mmpose and mmdet say about their published checkpoints."""

import difflib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import yaml

from rsn_mm.errors import OptionError, listing

#: What a model does, by the package that its name begins with.
POSE, DETECTOR = 'mmpose', 'mmdet'
#: What is used if no model is named.
DEFAULT_POSE, DEFAULT_DETECTOR = 'mmpose/rsn50x3', 'mmdet/rtmdet-m'
#: Names of the metafiles that are read: RSN and MSPN, and detectors of persons among others that
#: need no compiled op but non-maximum suppression.
METAFILES = {POSE: re.compile(r'/(rsn|mspn)_\w+\.yml$'),
             DETECTOR: re.compile(r'/(rtmdet|yolox)/metafile\.yml$')}
#: Tasks of such models; a model that also has another task is left out.
TASKS = {POSE: {'Body 2D Keypoint'}, DETECTOR: {'Object Detection'}}
#: The beginning of a pose model's name, such as ``td-hm_3xrsn50``, and what ends a short name.
NETWORK = re.compile(r'td-hm_(?:(\d)x)?([a-z]+\d+)_')
SCHEDULE = re.compile(r'_\d+xb?\d.*')
NUM_NEAR = 3
#: Part of the names of models that need mmpretrain, which is not part of the stack.
FOREIGN = 'convnext'


@dataclass(frozen=True)
class Published:
    """A checkpoint that is published with its config.

    Args:
        name: Package and name of the config, such as
            ``mmpose/td-hm_3xrsn50_8xb32-210e_coco-256x192``.
        short: A shorter name, such as ``mmpose/rsn50x3``; ``None`` if several would have the same.
        config: The file of the config in the package.
        address: Where the checkpoint is.
        ap: AP on COCO that the package reports, from 0 to 1; of boxes if it is a detector.
    """

    name: str
    short: str | None
    config: Path
    address: str
    ap: float | None

    @property
    def package(self) -> str:
        """``POSE`` or ``DETECTOR``."""
        return self.name.partition('/')[0]


def is_model_name(name: object) -> bool:
    """Whether something is meant as the name of a published model, known or not, and no file."""
    return (isinstance(name, str) and name.partition('/')[0] in METAFILES
            and name.count('/') == 1 and not name.endswith('.py') and not Path(name).exists())


def find_model(name: str, package: str) -> Published:
    """The published model of a name.

    Args:
        name: Its name or short name.
        package: ``POSE`` or ``DETECTOR``, which it has to be of.

    Raises:
        OptionError: If there is none. The message offers the nearest names.
    """
    models = published_models(package)
    for model in models:
        if name in (model.name, model.short):
            return model
    if name.partition('/')[0] != package:
        raise OptionError(f'model {name}: expected one of {package}, such as '
                          f'{listing([each.short or each.name for each in models], NUM_NEAR)}')
    names = [each for model in models for each in (model.short, model.name) if each]
    near = difflib.get_close_matches(name, names, NUM_NEAR)
    raise OptionError(f'model {name} is not known; ' + (
        f'did you mean {listing(near)}?' if near else 'rsn-mm models lists all names'))


@lru_cache
def published_models(package: str) -> tuple[Published, ...]:
    """The published models of an installed package, in the order of its index.

    Args:
        package: ``POSE`` or ``DETECTOR``.

    Raises:
        OptionError: If the package was installed without its index.
    """
    root = folder_of(package)
    models: dict[str, Published] = {}
    for path in _read(root / 'model-index.yml')['Import']:
        if METAFILES[package].search(path):
            for entry in _read(root / path)['Models']:
                model = _model(entry, package, root)
                if model is not None:
                    models.setdefault(model.name, model)
    counts = Counter(model.short for model in models.values())
    return tuple(model if counts[model.short] == 1 else replace(model, short=None)
                 for model in models.values())


def folder_of(package: str) -> Path:
    """The folder of an installed package that has its configs."""
    spec = find_spec(package)
    return Path(spec.origin if spec and spec.origin else package).parent / '.mim'


def _read(file: Path) -> dict:
    try:
        return yaml.safe_load(file.read_text())
    except OSError as error:
        raise OptionError(f'the list of published models {file} cannot be read: {error}; '
                          'a wheel of the package has it') from error


def _model(entry: dict, package: str, root: Path) -> Published | None:
    config = root / entry['Config']
    results = list(_results(entry))
    tasks = {each['Task'] for each in results}
    if not entry.get('Weights') or FOREIGN in config.stem or tasks - TASKS[package]:
        return None
    metrics: dict = next((each.get('Metrics', {}) for each in results), {})
    ap = metrics.get('AP', metrics.get('box AP'))
    return Published(f'{package}/{config.stem}', f'{package}/{_short(config.stem)}', config,
                     entry['Weights'], ap / 100 if ap and ap > 1 else ap)


def _results(entry: dict) -> Iterator[dict]:
    results = entry.get('Results') or []
    yield from results if isinstance(results, list) else [results]


def _short(stem: str) -> str:
    network = NETWORK.match(stem)
    if network:
        return network[2] + (f'x{network[1]}' if network[1] else '')
    return SCHEDULE.sub('', stem).replace('_', '-')
