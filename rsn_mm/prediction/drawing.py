"""Pictures of predictions: the poses, and the heatmaps that they come from."""

import warnings

import cv2
import numpy as np
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

from .frames import Frame

#: A joint's radius in pixels, and the width of a line, per pixel of the image's shorter side.
RADIUS, LINE_WIDTH = 1 / 130, 1 / 240
MIN_RADIUS, MIN_LINE_WIDTH = 2, 1
COLORS = cv2.COLORMAP_INFERNO
#: Opacity of a heatmap at its highest value.
OPACITY = 0.85
#: Joints with a lower score are not drawn. Our head adds 0.5 to the height of a heatmap, so that an
#: empty heatmap has the score 0.5; the scores of other heads are the heights.
SCORE_THRESHOLD, SCORE_THRESHOLD_OF_OUR_HEAD = 0.3, 0.55


def score_threshold(has_our_head: bool) -> float:
    """The score below which joints are not drawn by default."""
    return SCORE_THRESHOLD_OF_OUR_HEAD if has_our_head else SCORE_THRESHOLD


class PoseDrawer:
    """Draws poses over images, with MMPose's visualizer.

    Args:
        dataset_meta: MMPose's, with the colors and links of joints.
        score_thr: Joints with a lower score are left out.
        boxes: Draw the boxes of people too.
    """

    def __init__(self, dataset_meta: dict, score_thr: float, boxes: bool = False) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # about backends that are not there; none is used
            self._visualizer = PoseLocalVisualizer()
        self._visualizer.set_dataset_meta(dataset_meta)
        self._score_thr, self._boxes = score_thr, boxes

    def __call__(self, frame: Frame, people: InstanceData) -> np.ndarray:
        """Draw the people of a frame; returns (H, W, 3) uint8 in BGR."""
        side = min(frame.size_wh)
        self._visualizer.radius = max(round(side * RADIUS), MIN_RADIUS)
        self._visualizer.line_width = max(round(side * LINE_WIDTH), MIN_LINE_WIDTH)
        sample = PoseDataSample(pred_instances=InstanceData(
            keypoints=people.keypoints, keypoints_visible=people.keypoint_scores,
            bboxes=people.bboxes_xyxy))
        self._visualizer.add_datasample(
            frame.name, np.ascontiguousarray(frame.image[..., ::-1]), sample, draw_gt=False,
            draw_bbox=self._boxes and len(people) > 0, kpt_thr=self._score_thr)
        return np.ascontiguousarray(self._visualizer.get_image()[..., ::-1])


def draw_heatmaps(frame: Frame, people: InstanceData) -> np.ndarray:
    """Lay the heatmaps of all people over their image, in each pixel the largest of all joints.

    The brightest color stands for the largest value in the image.

    Args:
        frame: The image.
        people: As a predictor with ``heatmaps=True`` gives them.

    Returns:
        (H, W, 3) uint8 in BGR. What is not heatmap is gray, so that all color is the heatmap's.
    """
    size = frame.size_wh
    largest = np.zeros(size[::-1], np.float32)
    for maps, (x1, y1, x2, y2) in zip(people.get('heatmaps', ()),
                                      people.get('heatmap_boxes_xyxy', ())):
        height, width = maps.shape[1:]
        scale_x, scale_y = (x2 - x1) / width, (y2 - y1) / height
        # A cell c covers the pixels x1 + scale * c to x1 + scale * (c + 1); what OpenCV counts are
        # the centers of cells and pixels.
        matrix = np.array([[scale_x, 0, x1 + scale_x / 2 - 0.5],
                           [0, scale_y, y1 + scale_y / 2 - 0.5]])
        np.maximum(largest, cv2.warpAffine(maps.max(axis=0), matrix, size), out=largest)
    strength = np.clip(largest / max(largest.max(), np.finfo(np.float32).eps), 0, 1)
    colors = cv2.applyColorMap((strength * 255).astype(np.uint8), COLORS)
    gray = cv2.cvtColor(cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    opacity = (OPACITY * strength)[..., None]
    return (gray * (1 - opacity) + colors * opacity).round().astype(np.uint8)
