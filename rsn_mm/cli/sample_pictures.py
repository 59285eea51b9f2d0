"""Pictures of training samples: joints by their visibility, boxes and target heatmaps."""

from collections.abc import Sequence

import cv2
import numpy as np

#: Color of a joint by its visibility flag, BGR.
FLAG_COLORS = {2: (80, 220, 60), 1: (0, 150, 255), 0: (160, 160, 160)}
LEGEND = {2: 'visible', 1: 'occluded', 0: 'not labeled'}
BOX_COLOR = (255, 200, 0)
LINK_COLOR = (230, 230, 230)
LEGEND_HEIGHT = 24
NAME_SIZE = 0.4


def draw_person(image: np.ndarray, sample: dict, joints: np.ndarray, scale: float,
                names: Sequence[str] = ()) -> np.ndarray:
    """Enlarge an image and draw the joints of a sample on it.

    Args:
        image: The image.
        sample: Has the flags, the skeleton, and the positions in the whole image.
        joints: (K, 2) in pixels of the image.
        scale: Factor of the enlargement.
        names: Of the joints, in their order; written beside each of them.
    """
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    flags = sample['keypoints_visible'][0].astype(int)
    # The center of a pixel becomes the center of the enlarged pixel.
    points = np.rint((joints + 0.5) * scale - 0.5).astype(int).tolist()
    for start, end in sample['skeleton_links']:
        if flags[start] > 0 and flags[end] > 0:
            cv2.line(image, points[start], points[end], LINK_COLOR, 1, cv2.LINE_AA)
    # Datasets write 0, 0 for a joint without a position.
    placed = sample['keypoints'][0].any(-1) | (flags > 0)
    for name, (x, y), is_placed in zip(names, points, placed):
        if is_placed:
            write_name(image, name, (x + 7, y + 4))
    for point, flag in zip(np.array(points)[placed].tolist(), flags[placed].tolist()):
        cv2.circle(image, point, 4, FLAG_COLORS[flag], -1 if flag else 1, cv2.LINE_AA)
    return image


def write_name(image: np.ndarray, name: str, left_bottom: tuple[int, int]) -> None:
    """Write a name in white with a dark edge, which can be read on any image."""
    for color, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(image, name, left_bottom, cv2.FONT_HERSHEY_SIMPLEX, NAME_SIZE, color,
                    thickness, cv2.LINE_AA)


def draw_box(image: np.ndarray, box_xyxy: np.ndarray, scale: float) -> None:
    """Draw a box in pixels of the image onto the enlarged image."""
    x1, y1, x2, y2 = np.rint(box_xyxy * scale).astype(int).tolist()
    cv2.rectangle(image, (x1, y1), (x2, y2), BOX_COLOR, 1, cv2.LINE_AA)


def draw_targets(image: np.ndarray, heatmaps: np.ndarray) -> list[np.ndarray]:
    """One picture per level: the largest value over the joints on the enlarged, darkened image."""
    pictures = []
    for level, maps in enumerate(heatmaps):
        heat = cv2.resize(maps.max(0), image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        colored = cv2.applyColorMap(np.rint(heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
        picture = np.rint(0.35 * image * (1 - heat[..., None])
                          + colored * np.maximum(heat, 0.15)[..., None])
        pictures.append(with_caption(picture.clip(0, 255).astype(np.uint8), f'level {level}'))
    return pictures


def with_caption(image: np.ndarray, text: str = '') -> np.ndarray:
    """An image with a line of text under it; without a text the legend of the flags."""
    band = np.zeros((LEGEND_HEIGHT, image.shape[1], 3), np.uint8)
    parts = [(text, (255, 255, 255))] if text else [
        (LEGEND[flag], color) for flag, color in FLAG_COLORS.items()]
    x = 6
    for part, color in parts:
        cv2.putText(band, part, (x, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.42, color, 1, cv2.LINE_AA)
        x += cv2.getTextSize(part, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)[0][0] + 12
    return np.concatenate((image, band))
