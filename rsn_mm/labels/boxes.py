"""Boxes and areas where the labels have none."""

import numpy as np

from rsn_mm.errors import DataError

from .content import BoxXYWH, Instance, Labels, SizeWH

#: How far a box reaches beyond the joints on every side, as a fraction of its longer side.
MARGIN = 0.15
#: The shortest side of a box, as a fraction of the image's shorter side. It counts for an instance
#: whose labeled joints lie on one spot or on one line.
SMALLEST = 0.05


def fill_boxes(labels: Labels, margin: float = MARGIN) -> int:
    """Give every instance a box and an area.

    Returns:
        The number of boxes that were made from joints.
    """
    made = 0
    for image in labels.images:
        for instance in image.instances:
            if instance.box_xywh is None:
                instance.box_xywh = box_of_joints(instance, image.size_wh, margin)
                made += 1
            _fill_area(instance)
    return made


def use_whole_images(labels: Labels) -> None:
    """Make the image the box of its instance.

    Raises:
        DataError: If an image has more than one instance.
    """
    for image in labels.images:
        if len(image.instances) > 1:
            raise DataError(f'{image.path} has {len(image.instances)} labeled instances; a network '
                            'for whole images finds one')
        instance, = image.instances
        instance.box_xywh = (0., 0., float(image.size_wh[0]), float(image.size_wh[1]))
        _fill_area(instance)


def _fill_area(instance: Instance) -> None:
    if instance.area is None:
        assert instance.box_xywh is not None
        instance.area = instance.box_xywh[2] * instance.box_xywh[3]


def box_of_joints(instance: Instance, size_wh: SizeWH, margin: float = MARGIN) -> BoxXYWH:
    """The extent of the labeled joints, enlarged and inside of the image.

    Args:
        instance: The instance.
        size_wh: Size of its image.
        margin: See :data:`MARGIN`.

    Raises:
        DataError: If no joint lies inside of the image.
    """
    joints = instance.keypoints[instance.labeled, :2]
    low, high = joints.min(0), joints.max(0)
    smallest = SMALLEST * min(size_wh)
    extent = np.maximum((high - low) + 2 * margin * (high - low).max(), smallest)
    center = (low + high) / 2
    low = np.clip(center - extent / 2, 0, size_wh)
    high = np.clip(center + extent / 2, 0, size_wh)
    if (high <= low).any():
        raise DataError(f'the joints {joints.tolist()} lie outside of their image of '
                        f'{size_wh[0]} x {size_wh[1]} pixels')
    x, y, width, height = np.concatenate([low, high - low]).tolist()
    return x, y, width, height
