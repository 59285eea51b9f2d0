"""Pictures show what was predicted, where it was predicted."""

import cv2
import numpy as np
import pytest
from mmengine.structures import InstanceData

from rsn_mm.datasets import SyntheticCocoDataset
from rsn_mm.errors import OutputError
from rsn_mm.prediction.drawing import PoseDrawer, draw_heatmaps
from rsn_mm.prediction.frames import Frame
from rsn_mm.prediction.pictures import write_picture_of

META = SyntheticCocoDataset._load_metainfo(SyntheticCocoDataset.METAINFO)
GRAY = Frame(np.full((200, 300, 3), 90, np.uint8), 'gray.png')


def people(scores=(1., ) * 17):
    angles = np.arange(17) * 2 * np.pi / 17  # on a circle, no line between two meets a third
    keypoints = np.stack([150 + 80 * np.cos(angles), 100 + 80 * np.sin(angles)], 1)[None]
    return InstanceData(keypoints=keypoints, keypoint_scores=np.array([scores]),
                        bboxes_xyxy=np.array([[10., 5, 290, 195]]), scores=np.ones(1))


def changed(picture, x, y):
    """Whether a pixel is not that of the gray image."""
    return bool((picture[int(y), int(x)] != 90).any())


def test_joints_above_the_threshold_are_drawn_in_their_colors():
    scores = [1. if k % 2 else 0.2 for k in range(17)]
    picture = PoseDrawer(META, 0.5)(GRAY, people(scores))
    assert GRAY.image.min() == GRAY.image.max() == 90
    for k, (x, y) in enumerate(people().keypoints[0]):
        assert changed(picture, x, y) == bool(k % 2), k
        if k % 2:
            np.testing.assert_array_equal(picture[int(y), int(x)][::-1], META['keypoint_colors'][k])
    assert not changed(picture, 30, 5)


def test_boxes_are_drawn_if_they_are_wanted():
    assert changed(PoseDrawer(META, 2., boxes=True)(GRAY, people()), 30, 5)
    nobody = people()[:0]
    np.testing.assert_array_equal(PoseDrawer(META, 0., boxes=True)(GRAY, nobody), GRAY.image)


def test_a_heatmap_lies_where_its_cell_is():
    maps = np.zeros((1, 2, 16, 12), np.float32)
    maps[0, 1, 4, 9] = 200  # covers x 50 + 9 * 5 to + 10 * 5, y 20 + 4 * 10 to + 5 * 10
    found = InstanceData(heatmaps=maps, heatmap_boxes_xyxy=np.array([[50., 20, 110, 180]]))
    picture = draw_heatmaps(GRAY, found)
    assert picture.shape == GRAY.image.shape
    strength = np.abs(picture.astype(int) - 90).sum(-1)
    y, x = np.average(np.indices(strength.shape).reshape(2, -1), axis=1, weights=strength.ravel())
    # The middle of the cell is at (97.5, 65), and the center of pixel x at x + 0.5.
    assert abs(x + 0.5 - 97.5) < 0.6 and abs(y + 0.5 - 65) < 0.6
    np.testing.assert_array_equal(draw_heatmaps(GRAY, people()[:0]), GRAY.image)


@pytest.mark.parametrize('size', [(1, 1), (2, 300), (300, 2)])
def test_images_of_any_size_can_be_drawn(size):
    frame = Frame(np.zeros((*size, 3), np.uint8), 'small.png')
    assert PoseDrawer(META, 0., boxes=True)(frame, people()).shape == frame.image.shape
    assert draw_heatmaps(frame, people()).shape == frame.image.shape


def test_pictures_are_written_whole_and_not_over_their_source(tmp_path):
    path = tmp_path / 'a' / 'b.png'
    write_picture_of(path, GRAY.image, 'no.png')
    np.testing.assert_array_equal(cv2.imread(str(path)), GRAY.image)
    assert [each.name for each in path.parent.iterdir()] == ['b.png']
    with pytest.raises(OutputError, match='b.png is the image itself'):
        write_picture_of(path, GRAY.image, str(path))
    with pytest.raises(OutputError, match='b.png/c.png cannot be written: .*File exists'):
        write_picture_of(path / 'c.png', GRAY.image, 'no.png')
    with pytest.raises(OutputError, match='wide.jpg'):
        write_picture_of(tmp_path / 'wide.jpg', np.zeros((1, 70_000, 3), np.uint8), 'no.png')
