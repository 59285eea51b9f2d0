"""Which persons of COCO's annotations are learned from, and in which boxes."""

import json

import numpy as np
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS

from tests.tools.tiny_run import draw_persons


def boxes_of(folder, content, **options) -> list[np.ndarray]:
    init_default_scope('mmpose')
    path = folder / 'persons.json'
    path.write_text(json.dumps(content))
    dataset = DATASETS.build(dict(type='CocoDataset', ann_file=str(path), **options))
    return [dataset.get_data_info(i)['bbox'][0] for i in range(len(dataset))]


def test_persons_with_labeled_joints_are_learned_from_in_their_boxes(tmp_path):
    content = draw_persons(tmp_path, 5)
    crowd, unlabeled, *others = content['annotations']
    crowd['iscrowd'] = 1
    unlabeled.update(num_keypoints=0, keypoints=[0.] * 51)
    # Images have 100 x 80 pixels; MMPose ends a box at the middle of the last one.
    others[0]['bbox'] = [64., 30., 36., 50.]
    found = boxes_of(tmp_path, content)
    expected = [[x, y, x + w, y + h] for x, y, w, h in (person['bbox'] for person in others)]
    expected[0] = [64, 30, 99, 79]
    np.testing.assert_array_equal(found, expected)


def test_all_detections_of_persons_are_tested_in_their_boxes(tmp_path):
    content = draw_persons(tmp_path, 2)
    detections = [dict(image_id=1, category_id=category, bbox=[-5., 3., 120., 90.], score=score)
                  for category, score in ((1, 0.9), (1, 0.001), (2, 0.9))]
    (tmp_path / 'detections.json').write_text(json.dumps(detections))
    found = boxes_of(tmp_path, content, test_mode=True, bbox_file=str(tmp_path / 'detections.json'))
    np.testing.assert_array_equal(found, [[-5, 3, 115, 93]] * 2)
