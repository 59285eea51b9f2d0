"""What an ensemble's config has to have in common with those of its members."""

from mmengine.config import Config
from mmengine.registry import DATASETS

from rsn_mm.models import Ensemble
from rsn_mm.models.ensemble import EnsembleError

#: Steps of a test pipeline that do not decide what part of the image a network sees.
LOADING = ('LoadImage', 'mmpose.LoadImage', 'rsn_mm.LoadImage')
PACKING = ('PackPoseInputs', 'mmpose.PackPoseInputs')
CUTTING = ('TopdownAffine', 'mmpose.TopdownAffine')
CUTTING_AND_PACKING = ('PackInputSizes', 'rsn_mm.PackInputSizes')


def is_ensemble(cfg: Config) -> bool:
    """Whether the model of a config is an ensemble."""
    return cfg.model.get('type') in ('rsn_mm.Ensemble', 'Ensemble', Ensemble)


def check_members(cfg: Config) -> None:
    """Refuse members that were made for other joints or other test boxes than the ensemble's.

    Members without a ``test_dataloader`` are not looked at.

    Args:
        cfg: Config of a test of an ensemble that could be built.

    Raises:
        EnsembleError: The message names the member and the difference.
    """
    dataset = cfg.test_dataloader.dataset
    for index, member in enumerate(cfg.model.members):
        loader = Config.fromfile(member['config']).get('test_dataloader')
        if loader is None:
            continue
        name = f'Ensemble: member {index} ({member["config"]})'
        here, there = _box_steps(dataset), _box_steps(loader.dataset)
        if here != there:
            raise EnsembleError(
                f'{name} cuts its boxes out with {_listed(there)}, but test_dataloader of the '
                f'ensemble with {_listed(here)}: it would see other boxes than alone')
        here, there = _joint_names(dataset), _joint_names(loader.dataset)
        if here != there and None not in (here, there):
            raise EnsembleError(f'{name} is made for the joints {", ".join(there)}, but '
                                f'test_dataloader of the ensemble has {", ".join(here)}')


def _box_steps(dataset_cfg: dict) -> list[dict]:
    """The steps of a pipeline that decide on the box, without the input's size."""
    steps = []
    for step in dataset_cfg.get('pipeline') or ():
        kind = step['type']
        if kind in CUTTING_AND_PACKING:
            steps.append(dict(type=CUTTING[0]))
        elif kind in CUTTING:
            steps.append({**step, 'type': CUTTING[0]})
            steps[-1].pop('input_size', None)
        elif kind not in LOADING + PACKING:
            steps.append(dict(step))
    return steps


def _listed(steps: list[dict]) -> str:
    return ', '.join(
        f'{step["type"]}({", ".join(f"{k}={v}" for k, v in step.items() if k != "type")})'
        for step in steps) or 'nothing'


def _joint_names(dataset_cfg: dict) -> list[str] | None:
    """Names of the joints of a dataset, in order; None of a dataset of datasets."""
    if 'datasets' in dataset_cfg or 'dataset' in dataset_cfg:
        return None
    # Not in test mode, in which MMPose's datasets leave a note for the metrics.
    meta = DATASETS.build({**dataset_cfg, 'lazy_init': True, 'pipeline': [], 'bbox_file': None,
                           'test_mode': False}).metainfo
    names = meta.get('keypoint_id2name')
    return None if names is None else [names[i] for i in sorted(names)]
