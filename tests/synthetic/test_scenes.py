"""Generated people: geometry, labels against the identity buffer, and the knobs."""

import dataclasses

import cv2
import numpy as np
import pytest

from rsn_mm.synthetic import SceneOptions, SplitOptions, generate_scene, image_rng
from rsn_mm.synthetic.body import MAX_PEOPLE, SIDES, Body, person_ids
from rsn_mm.synthetic.canvas import Canvas, rectangle
from rsn_mm.synthetic.figure import pose_figure, view_matrix
from rsn_mm.synthetic.formats import COCO_JOINTS, MPII_JOINTS
from rsn_mm.synthetic.labels import label_person
from rsn_mm.synthetic.person import paint_person
from rsn_mm.synthetic.poses import FAMILIES, sample_pose
from rsn_mm.synthetic.surfaces import Cloth, Light
from rsn_mm.synthetic.things import THING, THING_IDS
from rsn_mm.synthetic.wardrobe import Outfit

SMALL = SceneOptions(size_wh=(192, 160))
#: Anatomical limits of all angles of a pose in degrees.
LIMITS = dict(bend=(-15, 80), lean=(-20, 20), twist=(-30, 30), head_yaw=(-60, 60),
              head_pitch=(-30, 40), head_roll=(-18, 18))
for side in SIDES:
    LIMITS.update({f'{side}_{name}': bounds for name, bounds in dict(
        arm_flex=(-45, 175), arm_abduct=(0, 175), arm_inward=(-95, 95), elbow=(0, 140),
        hip_flex=(-25, 115), hip_abduct=(-5, 45), knee=(0, 135), foot_out=(-10, 35)).items()})
REST = dict.fromkeys(LIMITS, 0.0)
THING_ID = THING_IDS[THING]
LIGHT = Light(np.array([0.0, 0.0, 1.0]), 0.5)
#: Someone whose clothes hide nothing.
PLAIN = dataclasses.replace(
    Outfit.sample(np.random.default_rng(0), can_wear_skirt=False), long_hair=0.0, bag=None)


def scenes(number, options=SMALL, seed=0):
    return [generate_scene(image_rng(seed, 'train', index), options) for index in range(number)]


@pytest.fixture(scope='module')
def sample():
    return scenes(60)


def stand(pose=None, yaw=0.0, stature=120.0, at=(96, 70)):
    figure = pose_figure(Body(), {**REST, **(pose or {})}, view_matrix(yaw, 0, 0), stature)
    return figure.moved(*at)


def paint(figure, outfit=PLAIN, size_wh=(192, 160)):
    canvas = Canvas(np.full((size_wh[1], size_wh[0], 3), 127, np.uint8))
    paint_person(canvas, figure, outfit, LIGHT, 0)
    return canvas


def flags(canvas, figure):
    return {joint: flag for joint, (_, _, flag) in label_person(canvas, figure, 0).points.items()}


# -- kinematics ------------------------------------------------------------------------------


# pose, joint, joint it moves away from, direction in the picture's x, y and towards the camera
@pytest.mark.parametrize('pose, joint, origin, direction', [
    ({}, 'left_wrist', 'left_shoulder', (0, 1, 0)),  # arms hang down
    ({}, 'left_shoulder', 'right_shoulder', (1, 0, 0)),  # their left is our right
    ({'left_arm_abduct': 90}, 'left_wrist', 'left_shoulder', (1, 0, 0)),
    ({'right_arm_abduct': 90}, 'right_wrist', 'right_shoulder', (-1, 0, 0)),
    ({'left_arm_flex': 90}, 'left_wrist', 'left_shoulder', (0, 0, 1)),
    ({'left_elbow': 90}, 'left_wrist', 'left_elbow', (0, 0, 1)),  # elbows bend forward
    ({'left_knee': 90}, 'left_ankle', 'left_knee', (0, 0, -1)),  # knees backward
    ({'right_elbow': 90, 'right_arm_inward': 90}, 'right_wrist', 'right_elbow', (1, 0, 0)),
    ({'left_hip_flex': 90}, 'left_knee', 'left_hip', (0, 0, 1)),
    ({'lean': 20}, 'thorax', 'waist', (np.sin(np.deg2rad(17)), -np.cos(np.deg2rad(17)), 0)),
])
def test_angle_moves_limb(pose, joint, origin, direction):
    points = stand(pose).points
    moved = points[joint] - points[origin]
    np.testing.assert_allclose(moved / np.linalg.norm(moved), direction, atol=0.07)


def test_turned_body_has_its_left_on_the_other_side():
    back = stand(yaw=180).points
    assert back['left_shoulder'][0] < back['right_shoulder'][0]
    right_looking = stand(yaw=90).points  # faces the right of the picture: right side is near
    assert right_looking['nose'][0] > right_looking['head'][0]
    assert right_looking['right_shoulder'][2] > right_looking['left_shoulder'][2]


def twin(name):
    """Return the name of a point or an angle in a mirror."""
    side, _, rest = name.partition('_')
    return f'{SIDES[1 - SIDES.index(side)]}_{rest}' if side in SIDES else name


def test_mirrored_pose_is_mirrored_in_the_picture():
    sideways = ('lean', 'twist', 'head_yaw', 'head_roll')
    rng = np.random.default_rng(3)
    for _ in range(20):
        _, pose = sample_pose(rng, 1.0)
        body, yaw, pitch, roll = Body.sample(rng), *rng.uniform(-40, 40, 3)
        points = pose_figure(body, pose, view_matrix(yaw, pitch, roll), 100).points
        mirrored_pose = {twin(name): -angle if name in sideways else angle
                         for name, angle in pose.items()}
        mirrored = pose_figure(body, mirrored_pose, view_matrix(-yaw, pitch, -roll), 100).points
        for name, point in points.items():
            np.testing.assert_allclose(mirrored[twin(name)], point * (-1, 1, 1), atol=1e-9,
                                       err_msg=name)


def test_poses_keep_the_joint_limits_and_all_families_occur():
    rng, seen = np.random.default_rng(0), set()
    for _ in range(1000):
        family, pose = sample_pose(rng, 1.0)
        seen.add(family)
        assert pose.keys() == LIMITS.keys()
        for name, (low, high) in LIMITS.items():
            assert low <= pose[name] <= high, name
    assert seen == set(FAMILIES)
    assert {sample_pose(rng, 0.0)[0] for _ in range(50)} == {'standing'}


# -- picture and identity buffer -------------------------------------------------------------


def test_canvas_fills_exactly_the_named_pixels():
    canvas = Canvas(np.zeros((20, 30, 3), np.uint8))
    canvas.fill([rectangle(6.6, 3.6, 8.4, 4.4)], (255, 255, 255), 9)  # pixels 7 and 8 of row 4
    picture = canvas.finish()[..., 0]
    assert set(zip(*np.nonzero(picture))) == {(4, 7), (4, 8)}
    assert picture[4, 7] == picture[4, 8] == 255
    assert np.count_nonzero(canvas.ids == 9) == canvas.painted[9] == 8
    assert canvas.identity_at((7, 4)) == 9 and canvas.identity_at((6, 4)) == 0
    assert canvas.identity_at((29.4, 19.4)) == 0 and canvas.identity_at((30, 4)) == -1


def test_visible_limb_joints_lie_in_the_middle_of_their_part():
    figure = stand({'left_arm_abduct': 60, 'right_arm_abduct': 60, 'left_hip_abduct': 20,
                    'right_hip_abduct': 20})
    canvas = paint(figure)
    parts = dict(elbow=('upper_arm', 'forearm'), wrist=('forearm', 'hand'),
                 knee=('thigh', 'shank'), ankle=('shank', 'foot'))
    for side in SIDES:
        for joint, names in parts.items():
            mask = np.isin(canvas.ids, [person_ids(0)[f'{side}_{name}'] for name in names])
            inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5) / 2
            x, y, _ = figure.points[f'{side}_{joint}']
            depth = inside[int((y + 0.5) * 2), int((x + 0.5) * 2)]
            assert depth > 0.012 * figure.stature, (side, joint, depth)  # 2/3 of a wrist's radius


def test_arm_is_hidden_by_a_thing_then_unknown_then_outside():
    figure = stand({'left_arm_abduct': 80})
    canvas = paint(figure)
    x, y, _ = figure.points['left_wrist']
    assert flags(canvas, figure)['left_wrist'] == 2
    canvas.fill([rectangle(x - 4, y - 8, x + 4, y + 8)], (0, 0, 0), THING_ID)
    hidden = flags(canvas, figure)
    assert (hidden['left_wrist'], hidden['left_elbow'], hidden['right_wrist']) == (1, 2, 2)
    canvas.fill([rectangle(figure.points['left_elbow'][0] - 6, y - 12, 192, y + 12)], (0, 0, 0),
                THING_ID)
    covered = flags(canvas, figure)
    assert (covered['left_wrist'], covered['left_elbow'], covered['left_shoulder']) == (0, 1, 2)
    outside = figure.moved(192 - x, 0)  # the wrist comes to stand at x = 192, just outside
    assert flags(paint(outside), outside)['left_wrist'] == 0
    inside = figure.moved(191 - x, 0)
    assert flags(paint(inside), inside)['left_wrist'] == 2


@pytest.mark.parametrize('yaw, expected', [
    (0, dict(nose=2, left_eye=2, right_eye=2, left_ear=2, right_ear=2, left_shoulder=2)),
    (180, dict(nose=0, left_eye=0, right_eye=0, left_ear=2, right_ear=2, left_shoulder=2)),
    # faces the right of the picture: the right side is near
    (90, dict(nose=2, right_eye=2, right_ear=2, left_ear=0, right_shoulder=2, right_elbow=2)),
    (-90, dict(nose=2, left_eye=2, left_ear=2, right_ear=0, left_shoulder=2, left_elbow=2)),
])
def test_what_is_seen_depends_on_the_view(yaw, expected):
    figure = stand(yaw=yaw)
    found = flags(paint(figure), figure)
    assert {joint: found[joint] for joint in expected} == expected
    if abs(yaw) == 90:  # an arm that hangs on the far side is behind the trunk
        far = 'left' if yaw > 0 else 'right'
        assert found[f'{far}_shoulder'] < 2 and found[f'{far}_elbow'] < 2


def test_face_is_painted_only_on_the_front():
    look = dataclasses.replace(PLAIN.head, hair=(200, 215, 240), hat=None)
    bright = dataclasses.replace(PLAIN, head=look, skin=Cloth((200, 215, 240)), glasses=False)
    for yaw, dark in ((0, True), (180, False)):
        figure = stand(yaw=yaw, stature=200, at=(96, 150))
        picture, (x, y, _) = paint(figure, bright).finish(), figure.points['left_eye']
        patch = picture[int(y) - 1:int(y) + 3, int(x) - 1:int(x) + 3]
        assert (patch.min() < 90) == dark


def people_seen(scene):
    return [person for person in range(MAX_PEOPLE)
            if np.isin(scene.ids, list(person_ids(person).values())).any()]


def test_flags_of_limbs_follow_the_identity_buffer(sample):
    parts = dict(elbow=('upper_arm', 'forearm'), wrist=('forearm', 'hand'),
                 knee=('thigh', 'shank'), ankle=('shank', 'foot'))
    counts = np.zeros(3, int)
    for scene in sample:
        for person, label in zip(people_seen(scene), scene.labels, strict=True):
            for side in SIDES:
                for joint, names in parts.items():
                    x, y, flag = label.points[f'{side}_{joint}']
                    row, column = int((y + 0.5) * 2), int((x + 0.5) * 2)
                    counts[flag] += 1
                    if not (-0.5 <= x < 191.5 and -0.5 <= y < 159.5):
                        assert flag == 0
                        continue
                    own = [person_ids(person)[f'{side}_{name}'] for name in names]
                    assert (flag == 2) == (scene.ids[row, column] in own)
    assert counts.min() > 10  # all three kinds were looked at


def test_box_and_area_are_those_of_the_seen_silhouette(sample):
    for scene in sample:
        for person, label in zip(people_seen(scene), scene.labels, strict=True):
            mask = np.isin(scene.ids, list(person_ids(person).values()))
            columns, rows = np.nonzero(mask.any(0))[0] / 2, np.nonzero(mask.any(1))[0] / 2
            x, y, w, h = label.bbox_xywh
            np.testing.assert_array_equal(
                (x, y, x + w, y + h),
                (columns[0], rows[0], columns[-1] + 0.5, rows[-1] + 0.5))
            assert label.area == np.count_nonzero(mask) / 4
            for joint, (px, py, flag) in label.points.items():
                if flag == 2:
                    slack = 2 if joint in ('nose', 'head_top') else 0.5
                    assert x - slack <= px + 0.5 <= x + w + slack, joint
                    assert y - slack <= py + 0.5 <= y + h + slack, joint


def test_every_joint_of_both_formats_is_labeled(sample):
    assert set(COCO_JOINTS) | set(MPII_JOINTS) == set(sample[0].labels[0].points)


# -- knobs -----------------------------------------------------------------------------------


def share(found, flag):
    values = [label.points[joint][2] for scene in found for label in scene.labels
              for joint in COCO_JOINTS]
    return np.mean([value == flag for value in values if value > 0])


def test_default_difficulty(sample):
    assert 0.07 < share(sample, 1) < 0.2
    assert {len(scene.labels) for scene in sample} == {1, 2, 3}


def test_occlusion_knob(sample):
    calm, crowded = (scenes(40, dataclasses.replace(SMALL, occlusion=value)) for value in (0, 1))
    assert share(calm, 1) < share(sample, 1) < share(crowded, 1)
    assert sum(np.any(scene.ids == THING_ID) for scene in crowded) > 20


def test_pose_knob_zero_shows_every_face():
    for scene in scenes(20, dataclasses.replace(SMALL, pose_variety=0, occlusion=0)):
        assert all(label.points['nose'][2] == 2 for label in scene.labels)


def test_people_knob():
    assert {len(s.labels) for s in scenes(10, dataclasses.replace(SMALL, people_max=1))} == {1}
    many = scenes(30, SceneOptions(people_max=7, occlusion=1.0))
    assert max(len(scene.labels) for scene in many) > 3


def test_degradation_changes_the_picture_and_no_label():
    clean, worn = (scenes(4, dataclasses.replace(SMALL, degradation=value)) for value in (0, 1))
    for a, b in zip(clean, worn, strict=True):
        assert a.labels == b.labels
        assert np.abs(a.picture.astype(int) - b.picture).mean() > 1


def test_images_differ_by_seed_split_and_index():
    pictures = [generate_scene(image_rng(*key), SMALL).picture.tobytes()
                for key in ((0, 'train', 0), (0, 'train', 1), (1, 'train', 0), (0, 'val', 0))]
    assert len(set(pictures)) == 4
    assert generate_scene(image_rng(0, 'train', 1), SMALL).picture.tobytes() == pictures[1]


@pytest.mark.parametrize('kind, arguments, name', [
    (SceneOptions, dict(size_wh=(320,)), 'size_wh'),
    (SceneOptions, dict(size_wh=(320, 20)), 'size_wh'),
    (SceneOptions, dict(size_wh=(320.0, 256)), 'size_wh'),
    (SceneOptions, dict(people_max=0), 'people_max'),
    (SceneOptions, dict(people_max=8), 'people_max'),  # the identity buffer is full
    (SceneOptions, dict(people_max=True), 'people_max'),
    (SceneOptions, dict(occlusion=1.1), 'occlusion'),
    (SceneOptions, dict(pose_variety='all'), 'pose_variety'),
    (SceneOptions, dict(degradation=float('nan')), 'degradation'),
    (SplitOptions, dict(split='test', num_images=1), 'split'),
    (SplitOptions, dict(split='train', num_images=0), 'num_images'),
    (SplitOptions, dict(split='train', num_images=2.0), 'num_images'),
    (SplitOptions, dict(split='train', num_images=1, seed=-1), 'seed'),
    (SplitOptions, dict(split='train', num_images=1, format='voc'), 'format'),
])
def test_bad_options_are_named(kind, arguments, name):
    with pytest.raises(ValueError, match=f'^{name}: expected .* got '):
        kind(**arguments)
