"""Checks that the config of an ensemble goes together with those of its members."""

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS, TRANSFORMS, Registry
from mmpose.datasets.transforms import LoadImage, PackPoseInputs, TopdownAffine

from rsn_mm.configuration import find_config
from rsn_mm.datasets import transforms
from rsn_mm.datasets.transforms import PackInputSizes
from rsn_mm.models import Ensemble
from rsn_mm.models.ensemble import EnsembleError

#: Steps of a test pipeline that do not decide what part of the image a network sees.
LOADING_AND_PACKING = (LoadImage, transforms.LoadImage, PackPoseInputs)


def is_ensemble(cfg: Config) -> bool:
    """Whether the model of a config is an ensemble."""
    return (cfg.get('model') or {}).get('type') in ('rsn_mm.Ensemble', Ensemble)


def check_members(cfg: Config, ensemble: Ensemble) -> None:
    """Refuse members that were made for other joints or other test boxes than the ensemble's.

    Members without a ``test_dataloader`` are not checked.

    Args:
        cfg: Config of a test of an ensemble.
        ensemble: The ensemble that was built from it.

    Raises:
        EnsembleError: If a member differs, or ``PackInputSizes`` has an input size that no member
            has. The message names the member and the difference, or the size.
    """
    dataset = cfg.test_dataloader.dataset
    _check_sizes(dataset, ensemble)
    for index, member in enumerate(cfg.model.members):
        loader = Config.fromfile(find_config(member['config'])).get('test_dataloader')
        if loader is None:
            continue
        name = f'Ensemble: member {index} ({member["config"]})'
        here, there = _box_steps(dataset), _box_steps(loader.dataset)
        if here != there:
            raise EnsembleError(
                f'{name} cuts its boxes out with {_listed(there)}, but test_dataloader of the '
                f'ensemble does so with {_listed(here)}: it would see other boxes than alone')
        joints, expected = _joint_names(loader.dataset), _joint_names(dataset)
        if joints is not None and expected is not None and joints != expected:
            raise EnsembleError(f'{name} is made for the joints {", ".join(joints)}, but '
                                f'test_dataloader of the ensemble has {", ".join(expected)}')


def _check_sizes(dataset_cfg: dict, ensemble: Ensemble) -> None:
    for step in dataset_cfg.get('pipeline') or ():
        if _class(TRANSFORMS, step['type']) is not PackInputSizes:
            continue
        unused = [tuple(size) for size in step['input_sizes']
                  if tuple(size) not in ensemble.input_sizes]
        if unused:
            raise EnsembleError(
                f'PackInputSizes of test_dataloader has {", ".join(map(str, unused))} in '
                'input_sizes, but the members of the ensemble have '
                f'{", ".join(map(str, ensemble.input_sizes))}')


def _box_steps(dataset_cfg: dict) -> list[dict]:
    """The steps of a pipeline that decide what a box shows, without the size of the input."""
    steps = []
    for step in dataset_cfg.get('pipeline') or ():
        kind = _class(TRANSFORMS, step['type'])
        if kind is PackInputSizes:
            steps.append(dict(type=TopdownAffine))
        elif kind not in LOADING_AND_PACKING:
            options = {key: _plain(value) for key, value in step.items()}
            if kind is TopdownAffine:
                options.pop('input_size', None)
            steps.append({**options, 'type': kind})
    return steps


def _class(registry: Registry, kind: str | type) -> str | type | None:
    """The class that a name stands for, with or without a scope; the name if there is none."""
    if not isinstance(kind, str):
        return kind
    with registry.switch_scope_and_registry(None) as scoped:
        return scoped.get(kind) or kind


def _plain(value: object) -> object:
    """A value with lists in place of tuples, which some formats of config files do not have."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def _listed(steps: list[dict]) -> str:
    return ', '.join(
        f'{getattr(step["type"], "__name__", step["type"])}'
        f'({", ".join(f"{k}={v}" for k, v in step.items() if k != "type")})'
        for step in steps) or 'nothing'


def _joint_names(dataset_cfg: dict) -> list[str] | None:
    """Names of the joints of a dataset, in order; ``None`` if it has none of its own."""
    kind: Any = _class(DATASETS, dataset_cfg['type'])
    if not hasattr(kind, '_load_metainfo'):  # a dataset of datasets
        return None
    # Building the dataset would require its files, which are checked later.
    meta = kind._load_metainfo(dataset_cfg.get('metainfo'))
    names = meta.get('keypoint_id2name')
    return None if names is None else [names[i] for i in sorted(names)]
