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
    """Build mmdet's inferencer with all parameters of a checkpoint.

    Raises:
        CommandError: If the config is not a detector's, or the checkpoint lacks parameters.
        CheckpointError: If the checkpoint cannot be read.
    """
    from mmdet.apis import DetInferencer  # slow to import, and only this command needs it
    parameters = read_parameters(checkpoint)
    if 'test_dataloader' not in cfg:
        raise CommandError('the config has no test_dataloader, whose pipeline a detector of '
                           'mmdet needs')
    with warnings.catch_warnings():
        # Nothing is drawn, so palettes and backends do not matter; class names do.
        warnings.filterwarnings('ignore', 'palette does not exist|Failed to add .*VisBackend')
        detector = DetInferencer(cfg, checkpoint, device=device, show_progress=False)
    # mmdet loads what fits and leaves the rest random. Parameters that it renames are no problem.
    problems = load_problems(detector.model, parameters)
    if problems:
        raise CommandError(
            f'checkpoint {checkpoint} does not fit the detector, in {len(problems)} parameters: '
            f'{"; ".join(problems[:NUM_SHOWN])}. Is it of another config?')
    return detector


def load_problems(model: torch.nn.Module, parameters: dict[str, torch.Tensor]) -> list[str]:
    """List the parameters of a model that are missing or of another shape; extra ones may be."""
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    result = model.load_state_dict(
        {key: value for key, value in parameters.items()
         if key not in shapes or shapes[key] == tuple(value.shape)}, strict=False)
    return [f'{key} is {tuple(parameters[key].shape)}, expected {shapes[key]}'
            if key in parameters else f'{key} is missing' for key in result.missing_keys]


def label_of(category: str, detector: 'DetInferencer') -> int:
    """The detector's label of a category, which is given by name or as the label itself.

    Raises:
        CommandError: If the detector does not know the name, or its head has no such label.
    """
    classes = tuple(detector.model.dataset_meta['classes'])
    # If the checkpoint names no classes, these are COCO's, however many classes the head has.
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
    """Detect the persons of all images: in COCO's format, those of an image by falling score."""
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
