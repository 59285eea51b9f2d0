"""What a labeling tool knows about a set of images, in one form for all tools."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

#: COCO's flags of a joint.
UNLABELED, OCCLUDED, VISIBLE = 0, 1, 2

SizeWH = tuple[int, int]
BoxXYWH = tuple[float, float, float, float]


@dataclass
class Instance:
    """One labeled animal, hand or thing.

    Attributes:
        keypoints: (K, 3) x, y in image pixels, and COCO's flag. Unlabeled joints are at 0, 0.
        box_xywh: Its box in image pixels, or ``None`` where the tool has none.
        area: Its area in pixels, or ``None``.
    """

    keypoints: np.ndarray
    box_xywh: BoxXYWH | None = None
    area: float | None = None

    @property
    def labeled(self) -> np.ndarray:
        """Which joints are labeled, (K,)."""
        return self.keypoints[:, 2] > UNLABELED


@dataclass
class LabeledImage:
    """An image and what is labeled in it.

    Attributes:
        path: Its file.
        size_wh: Width and height of the file, in pixels.
        instances: What is labeled; at least one.
        group: What its neighbors share, such as the frames of one video.
        split: Where the tool has put it: ``'train'``, ``'val'`` or ``'test'``; ``None`` if nowhere.
    """

    path: Path
    size_wh: SizeWH
    instances: list[Instance]
    group: str
    split: str | None = None


@dataclass
class Labels:
    """The labels of a set of images.

    Attributes:
        joints: Names of the joints, in their order.
        links: Pairs of names that a line connects in pictures.
        images: Images with at least one instance.
        left_out: How many entries of the source were not taken, by the reason.
    """

    joints: list[str]
    links: list[tuple[str, str]]
    images: list[LabeledImage]
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def instances(self) -> list[Instance]:
        """The instances of all images."""
        return [instance for image in self.images for instance in image.instances]
