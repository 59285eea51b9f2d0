"""Detectors of mmdet, and the persons that they find."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from mmengine.config import Config
from rich.progress import track

from rsn_mm.checkpoints.fitting import NUM_SHOWN, read_parameters
from rsn_mm.errors import CommandError

if TYPE_CHECKING:
    from mmdet.apis import DetInferencer

#: The category of persons in the file, whatever the detector calls them.
PERSON_CATEGORY = 1


def build_detector(cfg: Config, checkpoint: str, device: str | None) -> 'DetInferencer':
    """mmdet's inferencer with all parameters of the checkpoint.

    Raises:
        CommandError: If it is no detector, or parameters are missing in the checkpoint.
        CheckpointError: If the checkpoint cannot be read.
    """
    from mmdet.apis import DetInferencer  # once rsn_mm has mended what it needs
    parameters = read_parameters(checkpoint)
    if 'test_dataloader' not in cfg:
        raise CommandError('the config has no test_dataloader, whose pipeline a detector of '
                               'mmdet is fed by')
    with warnings.catch_warnings():
        # Nothing is drawn. What is said of class names matters.
        warnings.filterwarnings('ignore', 'palette does not exist|Failed to add .*VisBackend')
        detector = DetInferencer(cfg, checkpoint, device=device, show_progress=False)
    # mmdet loads what fits and leaves the rest as it was drawn; renamed parameters are mapped.
    problems = load_problems(detector.model, parameters)
    if problems:
        raise CommandError(
            f'checkpoint {checkpoint} does not fit the detector, in {len(problems)} parameters: '
            f'{"; ".join(problems[:NUM_SHOWN])}. Is it of another config?')
    return detector


def load_problems(model: torch.nn.Module, parameters: dict[str, torch.Tensor]) -> list[str]:
    """What of a model the parameters do not give; those that it does not have are let pass."""
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    result = model.load_state_dict(
        {key: value for key, value in parameters.items()
         if key not in shapes or shapes[key] == tuple(value.shape)}, strict=False)
    return [f'{key} is {tuple(parameters[key].shape)}, expected {shapes[key]}'
            if key in parameters else f'{key} is missing' for key in result.missing_keys]


def label_of(category: str, detector: 'DetInferencer') -> int:
    """The detector's label of a category, given by name or as the label itself.

    Raises:
        CommandError: If the detector does not know the name, or its head has no such label.
    """
    classes = tuple(detector.model.dataset_meta['classes'])
    # Where the checkpoint names no classes, these are COCO's, however many the head tells apart.
    counts = [module.num_classes for name, module in detector.model.named_modules()
              if 'bbox_head' in name.split('.') and hasattr(module, 'num_classes')]
    count = min(counts, default=len(classes))
    if category in classes:
        label = classes.index(category)
    elif category.isdecimal():
        label = int(category)
    else:
        label = count
    if label < count:
        return label
    raise CommandError(f'--category {category}: the detector knows '
                           f'{", ".join(classes[:count])} (labels 0 to {count - 1})')


def detect(detector: 'DetInferencer', images: dict[int, Path], label: int, score_thr: float,
           batch_size: int) -> Iterator[dict]:
    """Persons of all images, in COCO's format of detections, of an image best first."""
    items = list(images.items())
    for start in track(range(0, len(items), batch_size), description='Detecting'):
        ids, paths = zip(*items[start:start + batch_size])
        results = detector([str(path) for path in paths], batch_size=batch_size,
                           return_datasamples=True)['predictions']
        for image_id, result in zip(ids, results):
            found = result.pred_instances
            found = found[(found.labels == label) & (found.scores >= score_thr)].cpu()
            for (x1, y1, x2, y2), score in zip(found.bboxes.tolist(), found.scores.tolist()):
                if x2 > x1 and y2 > y1:
                    yield dict(image_id=image_id, category_id=PERSON_CATEGORY,
                               bbox=[x1, y1, x2 - x1, y2 - y1], score=score)
