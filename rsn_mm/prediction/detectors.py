"""Detectors of mmdet, and the persons that they find."""

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from rsn_mm.checkpoints.fitting import NUM_SHOWN, read_parameters
from rsn_mm.configuration import explained
from rsn_mm.errors import CheckpointError, OptionError

from .frames import Frame

if TYPE_CHECKING:
    from mmdet.apis import DetInferencer

#: What detectors call people.
PERSON = 'person'


def build_detector(cfg: Config, checkpoint: str | Path,
                   device: str | torch.device | None) -> 'DetInferencer':
    """Build mmdet's inferencer with all parameters of a checkpoint.

    Raises:
        OptionError: If the config is not a detector's.
        CheckpointError: If the checkpoint cannot be read, or lacks parameters.
    """
    from mmdet.apis import DetInferencer  # slow to import, and only this command needs it
    parameters = read_parameters(checkpoint)
    if 'test_dataloader' not in cfg:
        raise OptionError('the config has no test_dataloader, whose pipeline a detector of '
                           'mmdet needs')
    with warnings.catch_warnings():
        # Nothing is drawn, so palettes and backends do not matter; class names do.
        warnings.filterwarnings('ignore', 'palette does not exist|Failed to add .*VisBackend')
        with explained(cfg):
            detector = DetInferencer(cfg, str(checkpoint), device=device and str(device),
                                     show_progress=False)
    # mmdet loads what fits and leaves the rest random. Parameters that it renames are no problem.
    problems = load_problems(detector.model, parameters)
    if problems:
        raise CheckpointError(
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
        OptionError: If the detector does not know the name, or its head has no such label.
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
    raise OptionError(f'category {category}: the detector knows '
                       f'{", ".join(classes[:count])} (labels 0 to {count - 1})')


class Detector:
    """Finds people with a detector of mmdet.

    Args:
        cfg: The detector's config.
        checkpoint: Its weights, with every parameter.
        device: Device of the detector; by default the GPU if there is one.
        category: What is to be found, by its name in the detector's dataset or by its label.
        score_thr: Detections with a lower score are left out.

    Raises:
        OptionError: If the config is not a detector's, or it does not know the category.
        CheckpointError: If the checkpoint cannot be read or does not fit.
    """

    def __init__(self, cfg: Config, checkpoint: str | Path,
                 device: str | torch.device | None = None, category: str = PERSON,
                 score_thr: float = 0.) -> None:
        scope = DefaultScope.get_current_instance()
        self._detector = build_detector(cfg, checkpoint, device)
        self._label = label_of(category, self._detector)
        self._score_thr = score_thr
        if scope is not None:  # mmdet has set its own, in which MMPose finds nothing
            DefaultScope.get_instance(f'rsn_mm-{time.time_ns()}', scope_name=scope.scope_name)

    def __call__(self, frames: Sequence[Frame]) -> list[np.ndarray | None]:
        """Find the people of frames, in one batch.

        Returns:
            For each frame (N, 5), x1, y1, x2, y2 and score, by falling score.
        """
        return list(self.find([frame.image for frame in frames]))

    def find(self, images: Sequence[str | np.ndarray]) -> list[np.ndarray]:
        """Find the people of images, paths or arrays in BGR, as in a call."""
        results = self._detector(list(images), batch_size=max(len(images), 1),
                                 return_datasamples=True)['predictions']
        return [self._people(result.pred_instances, result.ori_shape) for result in results]

    def _people(self, found, image_shape_hw: tuple[int, int]) -> np.ndarray:
        found = found[(found.labels == self._label) & (found.scores >= self._score_thr)].cpu()
        boxes = torch.cat([found.bboxes, found.scores[:, None]], dim=1).numpy()
        # Some detectors do not clip their boxes, which may then lie outside of the image.
        top_left = np.maximum(boxes[:, :2], 0)
        bottom_right = np.minimum(boxes[:, 2:4], image_shape_hw[1::-1])
        return boxes[np.isfinite(boxes).all(1) & (bottom_right > top_left).all(1)]
