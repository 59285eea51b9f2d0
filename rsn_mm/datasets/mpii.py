"""MPII for training, validation and its test server."""

import os

import numpy as np
from mmpose.datasets.datasets import MpiiDataset as MMPoseMpiiDataset
from mmpose.structures.bbox import bbox_cs2xyxy

from rsn_mm.registry import DATASETS

from .checks import DataError
from .mpii_files import NUM_JOINTS, has_joints, read_head_boxes, read_persons

#: MPII's ``scale`` is a size in units of this many pixels.
SCALE_UNIT = 200.
#: A person extends further below ``center`` than above it, so the box is moved down by this share
#: of its size.
CENTER_SHIFT = 15. / SCALE_UNIT
#: MPII counts pixels from 1.
ORIGIN = 1
#: The unit of PCKh is this share of the diagonal of the head box.
HEAD_SIZE_FACTOR = 0.6
#: Area of a person as a share of the area of the box.
AREA_FACTOR = 0.53


@DATASETS.register_module()
class MpiiDataset(MMPoseMpiiDataset):
    """MMPose's ``MpiiDataset`` with joints at the right place, and with the test set.

    * In training, the positions of joints count from 0, as those of pixels and boxes do. MMPose
      leaves them counting from 1, so that a network learns them one pixel off, and its metric then
      adds another pixel. With ``test_mode`` they count from 1, as the metrics expect.
    * ``mpii_test.json`` has no joints. It can be read with ``test_mode``.
    * With ``test_mode`` every person of the file is kept, so that predictions are in its order.
    * Files that do not match each other are refused, see :mod:`rsn_mm.datasets.mpii_files`.

    Args:
        kwargs: Arguments of MMPose's ``MpiiDataset``.

    Raises:
        DataError: If files are missing, wrong or do not match, or if the persons to train on have
            no joints.
    """

    def _load_annotations(self) -> tuple[list[dict], list[dict]]:
        persons = read_persons(self.ann_file)
        if not self.test_mode and not has_joints(persons[0]):
            raise DataError(f'{self.ann_file} has no joints to train on; they are in '
                            'mpii_train.json and mpii_trainval.json')
        head_boxes = read_head_boxes(
            self.headbox_file, persons, self.ann_file) if self.headbox_file else None
        #: Number of persons in the file, from which ``indices`` may select some.
        self.num_annotations = len(persons)
        instances = [self._instance(i, person) for i, person in enumerate(persons)]
        if head_boxes is not None:
            sizes = np.linalg.norm(head_boxes[:, 1] - head_boxes[:, 0], axis=-1) * HEAD_SIZE_FACTOR
            for instance, size in zip(instances, sizes):
                instance['head_size'] = size.reshape(1, 1)
        images = {i['img_id']: dict(img_id=i['img_id'], img_path=i['img_path']) for i in instances}
        self.coco = None  # MMPose's base class deletes it
        return instances, list(images.values())

    def _instance(self, index: int, person: dict) -> dict:
        """A person in the form that MMPose's dataset has."""
        center = np.array(person['center'], dtype=np.float32)
        scale = np.array([person['scale']] * 2, dtype=np.float32) * SCALE_UNIT
        if center[0] != -1:
            center[1] = center[1] + CENTER_SHIFT * scale[1]
        center, scale = (center - ORIGIN)[None], scale[None]
        bbox = bbox_cs2xyxy(center, scale)
        if has_joints(person):
            keypoints = np.array(person['joints'], dtype=np.float32)[None]
            visible = np.array(person['joints_vis'])[None]
        else:
            keypoints = np.zeros((1, NUM_JOINTS, 2), dtype=np.float32)
            visible = np.zeros((1, NUM_JOINTS), dtype=np.int64)
        if not self.test_mode:
            keypoints = keypoints - ORIGIN
        area = (bbox[:, 2] - bbox[:, 0]) * (bbox[:, 3] - bbox[:, 1]) * AREA_FACTOR
        return dict(
            id=index,
            img_id=int(person['image'].split('.')[0]),
            img_path=os.path.join(self.data_prefix['img'], person['image']),
            bbox_center=center, bbox_scale=scale, bbox=bbox,
            bbox_score=np.ones(1, dtype=np.float32),
            keypoints=keypoints, keypoints_visible=visible,
            area=np.maximum(area, 1).astype(np.float32),
            category_id=person.get('category_id', [1]))

    def _get_topdown_data_infos(self, instance_list: list[dict]) -> list[dict]:
        return instance_list if self.test_mode else super()._get_topdown_data_infos(instance_list)
