"""What every level of a network answers to one person (the paper's Fig. 6).

From the paper: the figure shows the input, "high-level feature maps (level 4)", "low-level heatmaps
(level 1)" and the predictions, each over the photograph. Inferred, since the paper does not say how
features become pictures: at every level the heatmaps that the head predicts from it are shown, and
in each cell the largest of all joints. The maps of single joints are ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from mmengine.dataset import pseudo_collate
from torch import Tensor

from rsn_mm.codecs.rsn_heatmap import HEATMAP_SCALE
from rsn_mm.prediction import Predictor
from rsn_mm.prediction.drawing import SCORE_THRESHOLD_OF_OUR_HEAD

COLORS = 'inferno'
#: Most panels of single joints in a row.
MAX_JOINT_COLUMNS = 9
#: Inches of a panel and its title.
PANEL_HEIGHT, JOINT_HEIGHT, TITLE_HEIGHT = 2.4, 1.9, 0.4
#: The brightest color stands for the largest value that is drawn, or this.
MIN_LIMIT = 0.1 * HEATMAP_SCALE
#: Opacity of a heatmap where it is 0.
MIN_OPACITY = 0.25


@dataclass(frozen=True)
class LevelHeatmaps:
    """One person as the network sees it, and what it answers.

    Args:
        image: What was cut out, (H, W, 3) uint8 in RGB.
        heatmaps: Of every stage those of its units, coarse to fine, (K, h, w) in 0..255, without
            the flip test.
        keypoints: Predicted as in testing, with the flip test if the config has one, (K, 2) x, y in
            input pixels.
        scores: (K, ).
        dataset_meta: MMPose's, with names, links and colors of the joints.
    """

    image: np.ndarray
    heatmaps: list[list[np.ndarray]]
    keypoints: np.ndarray
    scores: np.ndarray
    dataset_meta: dict


@torch.inference_mode()
def level_heatmaps(predictor: Predictor, image: str | Path | np.ndarray,
                   box_xyxy: Sequence[float] | None = None) -> LevelHeatmaps:
    """The heatmaps of all levels for one person.

    Args:
        predictor: Holds the network.
        image: A path, or a picture (H, W, 3) uint8 in BGR.
        box_xyxy: Box of the person in image pixels; the whole image for ``None``.

    Raises:
        MissingFileError: If the image does not exist.
        OptionTypeError, OptionError: If image or box cannot be used.
    """
    crop = predictor.crop(image, box_xyxy)
    model = predictor.model
    batch = model.data_preprocessor(pseudo_collate([crop]))
    inputs = batch['inputs'].to(model.input_dtype)
    stages = model.head(model.extract_feat(inputs))
    mirrored = model.heatmaps(inputs.flip(-1)) if model.test_cfg.get('flip_test') else None
    prediction, = model.head.predict_heatmaps(
        stages[-1][-1].float(), mirrored, batch['data_samples'], model.test_cfg)
    return LevelHeatmaps(
        image=np.ascontiguousarray(crop['inputs'].permute(1, 2, 0).numpy()[..., ::-1]),
        heatmaps=[[_to_numpy(maps[0]) for maps in units] for units in stages],
        keypoints=prediction.keypoints[0], scores=prediction.keypoint_scores[0],
        dataset_meta=predictor.dataset_meta)


def _to_numpy(maps: Tensor) -> np.ndarray:
    return maps.float().numpy(force=True)


def draw_heatmaps(person: LevelHeatmaps, title: str = '') -> Figure:
    """A row per stage with the maps of its levels, and the last level's map of every joint.

    Args:
        person: What to draw.
        title: Above the figure.
    """
    height, width = person.image.shape[:2]
    columns, joints = len(person.heatmaps[-1]) + 2, person.heatmaps[-1][-1]
    joint_rows = math.ceil(len(joints) / MAX_JOINT_COLUMNS)
    joint_columns = math.ceil(len(joints) / joint_rows)
    heights = PANEL_HEIGHT * len(person.heatmaps), JOINT_HEIGHT * joint_rows
    panel_widths = columns * PANEL_HEIGHT, joint_columns * (JOINT_HEIGHT - TITLE_HEIGHT)
    figure = Figure(figsize=(max(panel_widths) * width / height + 1, sum(heights) + 0.5),
                    layout='constrained')
    # Gray, so that all color is the heatmap's.
    gray = cv2.cvtColor(cv2.cvtColor(person.image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    limit = max(maps.max() for units in person.heatmaps for maps in units)
    scale = ScalarMappable(Normalize(0, max(limit, MIN_LIMIT), clip=True), COLORS)
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]

    grid = upper.subplots(len(person.heatmaps), columns, squeeze=False)
    for s, (row, units) in enumerate(zip(grid, person.heatmaps)):
        _draw_image(row[0], person.image, 'input')
        for u, (axes, maps) in enumerate(zip(row[1:], units)):
            _draw_image(axes, gray, f'stage {s + 1}, level {len(units) - u}')
            _lay_over(axes, maps.max(axis=0), scale)
        row[-1].axis('off')  # but for the last stage, which predicts
    _draw_image(grid[-1, -1], person.image, 'prediction')
    _draw_joints(grid[-1, -1], person)
    upper.colorbar(scale, ax=grid, pad=0.02, label='largest of all joints')

    panels = lower.subplots(joint_rows, joint_columns, squeeze=False)
    for axes in panels.flat:
        axes.axis('off')
    for k, (axes, maps) in enumerate(zip(panels.flat, joints)):
        name = person.dataset_meta['keypoint_id2name'][k]
        _draw_image(axes, gray, f'{name}\n{person.scores[k]:.2f}')
        _lay_over(axes, maps, scale)
    lower.colorbar(scale, ax=panels, pad=0.02, label='last stage, level 1')
    if title:
        figure.suptitle(title)
    return figure


def _draw_image(axes: Axes, image: np.ndarray, title: str) -> None:
    axes.imshow(image)
    axes.set_title(title, fontsize=8)
    axes.axis('off')


def _lay_over(axes: Axes, heatmap: np.ndarray, scale: Any) -> None:
    """Draw a map over the image: the lower the map, the more of the image shows through."""
    image: Any = axes.images[0].get_array()
    height, width = image.shape[:2]
    colors = scale.to_rgba(heatmap)
    colors[..., 3] = MIN_OPACITY + (1 - MIN_OPACITY) * scale.norm(heatmap)
    # A cell c of stride s covers the pixels s * c to s * (c + 1).
    axes.imshow(colors, extent=(0, width, height, 0), interpolation='bilinear')


def _draw_joints(axes: Axes, person: LevelHeatmaps) -> None:
    """Joints and links above the threshold, in the colors of the dataset."""
    meta, shown = person.dataset_meta, person.scores >= SCORE_THRESHOLD_OF_OUR_HEAD
    for link, color in zip(meta['skeleton_links'], meta['skeleton_link_colors'] / 255):
        if shown[list(link)].all():
            axes.plot(*person.keypoints[list(link)].T, color=color, linewidth=1.5)
    x, y = person.keypoints[shown].T
    axes.scatter(x, y, c=meta['keypoint_colors'][shown] / 255, s=10, zorder=3)
