"""Generated people stay what they are: the same labels, and nearly the same colors.

A failure means that the same options give other data: raise ``GENERATOR_VERSION``, and write the
numbers again with ``python -m tests.synthetic.test_golden``.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from rsn_mm.synthetic import GENERATOR_VERSION, SceneOptions, generate_scene, image_rng
from rsn_mm.synthetic.formats import coco_annotation, mpii_annotation

GOLDEN = Path(__file__).parents[1] / 'data' / 'synthetic_people.json'
CROWD = SceneOptions(size_wh=(224, 192), people_max=7, occlusion=1.0, pose_variety=1.0)
#: (split, index, options) of each image; all have seed 0.
IMAGES = [('train', 0, SceneOptions()), ('train', 7, SceneOptions(degradation=0)),
          ('val', 2, SceneOptions(size_wh=(128, 160))), ('train', 32, CROWD), ('val', 16, CROWD)]
#: What depends on single samples of the identity buffer, and the pixels it may differ by.
SEEN = dict(bbox=1, area=20, center=1, scale=0.01)
#: Cells along each side of a picture, whose mean colors are compared.
CELLS = 8


def describe(split, index, options):
    """Return plain JSON values: all labels, and the mean color of each cell of the picture."""
    scene = generate_scene(image_rng(0, split, index), options)
    cells = [np.array_split(row, CELLS, axis=1) for row in np.array_split(scene.picture, CELLS)]
    return dict(coco=[coco_annotation(label) for label in scene.labels],
                mpii=[mpii_annotation(label) for label in scene.labels],
                colors=[np.round(cell.mean((0, 1)), 1).tolist() for row in cells for cell in row])


@pytest.fixture(scope='module')
def golden():
    return json.loads(GOLDEN.read_text())


def test_golden_numbers_are_of_this_version(golden):
    assert golden['generator_version'] == GENERATOR_VERSION
    assert len(golden['images']) == len(IMAGES)


@pytest.mark.parametrize('number', range(len(IMAGES)))
def test_image_is_what_it_was(golden, number):
    expected, found = golden['images'][number], describe(*IMAGES[number])
    # Versions of OpenCV may differ by single samples along the edges of polygons.
    np.testing.assert_allclose(found['colors'], expected['colors'], atol=1)
    for form in ('coco', 'mpii'):
        assert len(found[form]) == len(expected[form])
        for person, wanted in zip(found[form], expected[form], strict=True):
            assert person.keys() == wanted.keys()
            for name, value in wanted.items():
                slack = SEEN.get(name, 0.011)  # else one step of the last digit that is written
                np.testing.assert_allclose(person[name], value, rtol=0, atol=slack, err_msg=name)


if __name__ == '__main__':
    images = [describe(*image) for image in IMAGES]
    GOLDEN.write_text(json.dumps(dict(generator_version=GENERATOR_VERSION, images=images)) + '\n')
