"""The body in space: proportions, and forward kinematics from angles to points.

Frame of a body: x towards its left, y down, z to its front. Frame of the camera: x to the right
and y down in the picture, z towards the camera ("near"). Somebody who faces the camera therefore
has the same x, y and z in both, and their left is on the right of the picture.
"""

from dataclasses import dataclass

import numpy as np

from .poses import SIDES, Pose

SIGNS = dict(zip(SIDES, (1.0, -1.0), strict=True))


@dataclass(frozen=True)
class Body:
    """Lengths and radii in parts of the stature."""

    shoulder_half: float = 0.108
    hip_half: float = 0.058
    torso: float = 0.285
    neck: float = 0.04
    upper_arm: float = 0.165
    forearm: float = 0.145
    hand: float = 0.065
    thigh: float = 0.235
    shank: float = 0.225
    foot: float = 0.105
    ankle_height: float = 0.035
    head_wdh: tuple[float, float, float] = (0.070, 0.080, 0.094)  #: half axes along x, z, y
    girth: float = 1.0  #: scales every radius
    waist: float = 1.0  #: scales the waist against the chest

    @classmethod
    def sample(cls, rng: np.random.Generator) -> 'Body':
        """Draw a body: adult or child, narrow or wide, slim or heavy."""
        child = rng.random() < 0.15
        head = rng.uniform(1.12, 1.25) if child else rng.uniform(0.95, 1.08)
        limb = rng.uniform(0.86, 0.92) if child else rng.uniform(0.95, 1.05)
        girth = rng.uniform(0.95, 1.3)
        width = rng.uniform(0.90, 1.14) * (0.92 if child else 1.0)

        def length(name, low=0.95, high=1.05):
            return getattr(cls, name) * float(rng.uniform(low, high))

        wide, deep, tall = cls.head_wdh
        return cls(
            shoulder_half=length('shoulder_half') * width,
            hip_half=length('hip_half') * (0.5 + 0.5 * width) * (0.9 + 0.1 * girth),
            torso=length('torso'), neck=length('neck'), upper_arm=length('upper_arm') * limb,
            forearm=length('forearm') * limb, hand=length('hand'),
            thigh=length('thigh') * limb, shank=length('shank') * limb, foot=length('foot'),
            head_wdh=(wide * head * float(rng.uniform(0.95, 1.08)), deep * head, tall * head),
            girth=girth, waist=float(rng.uniform(0.82, 1.12)))


def rotation(axis: str, degrees: float) -> np.ndarray:
    """Return the (3, 3) rotation about an axis.

    Positive angles turn: ``'x'`` down to front, ``'y'`` front to left, ``'z'`` down to right.
    """
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    if axis == 'x':
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    if axis == 'y':
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def view_matrix(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Return the (3, 3) matrix from body to camera frame.

    Args:
        yaw: Degrees the body is turned; 0 faces the camera, 90 faces the right of the picture.
        pitch: Degrees the camera looks down.
        roll: Degrees the picture is turned.
    """
    return rotation('z', roll) @ rotation('x', -pitch) @ rotation('y', yaw)


@dataclass(frozen=True)
class Figure:
    """A posed body in the camera frame.

    Args:
        points: Name -> (3,) x and y in pixels of the picture, z in pixels towards the camera.
        head: (3, 3) rotation from the head's frame to the camera's.
        torso: The same of the chest.
        pelvis: The same of the pelvis.
        stature: Pixels per unit of :class:`Body`.
        body: The proportions.
    """

    points: dict[str, np.ndarray]
    head: np.ndarray
    torso: np.ndarray
    pelvis: np.ndarray
    stature: float
    body: Body

    def moved(self, dx: float, dy: float) -> 'Figure':
        """Return the figure shifted in the picture."""
        shift = np.array([dx, dy, 0.0])
        points = {name: point + shift for name, point in self.points.items()}
        return Figure(points, self.head, self.torso, self.pelvis, self.stature, self.body)

    def extent_xyxy(self) -> np.ndarray:
        """Return the (4,) box of the points, widened by the radius of a limb."""
        xy = np.array([point[:2] for point in self.points.values()])
        margin = 0.05 * self.stature
        return np.concatenate([xy.min(0) - margin, xy.max(0) + margin])


def pose_figure(body: Body, pose: Pose, view: np.ndarray, stature: float) -> Figure:
    """Solve the forward kinematics; the pelvis is at (0, 0, 0).

    Args:
        body: Proportions.
        pose: Angles in degrees.
        view: (3, 3) matrix from body to camera frame, see :func:`view_matrix`.
        stature: Standing height in pixels.
    """
    down = np.array([0.0, 1.0, 0.0])
    pelvis = view
    torso = pelvis @ rotation('z', pose['lean']) @ rotation('x', -pose['bend']) @ rotation(
        'y', pose['twist'])
    head = torso @ rotation('y', pose['head_yaw']) @ rotation('x', pose['head_pitch']) @ rotation(
        'z', pose['head_roll'])
    wide, deep, tall = body.head_wdh

    points = dict(pelvis=np.zeros(3))
    points['waist'] = -0.38 * body.torso * 0.5 * (pelvis + torso) @ down
    points['thorax'] = -body.torso * (0.3 * pelvis + 0.7 * torso) @ down
    points['upper_neck'] = points['thorax'] - body.neck * (torso + head) / 2 @ down
    center = points['upper_neck'] + head @ [0, -0.78 * tall, 0.12 * deep]
    points['head'] = center
    points['head_top'] = center - 0.98 * tall * head @ down

    def on_head(x, y, z):
        return center + head @ (np.array([x, y, z]) * [wide, tall, deep])

    points['nose'] = on_head(0, 0.18, 1.1)
    for side, sign in SIGNS.items():
        points[f'{side}_eye'] = on_head(0.36 * sign, -0.1, 0.91)
        points[f'{side}_ear'] = on_head(1.0 * sign, 0.04, -0.1)

        shoulder = points['thorax'] + torso @ [sign * body.shoulder_half, 0.025, 0]
        upper = torso @ rotation('z', -sign * pose[f'{side}_arm_abduct']) @ rotation(
            'x', pose[f'{side}_arm_flex']) @ rotation('y', -sign * pose[f'{side}_arm_inward'])
        lower = upper @ rotation('x', pose[f'{side}_elbow'])
        points[f'{side}_shoulder'] = shoulder
        points[f'{side}_elbow'] = shoulder + body.upper_arm * upper @ down
        points[f'{side}_wrist'] = points[f'{side}_elbow'] + body.forearm * lower @ down
        points[f'{side}_hand'] = points[f'{side}_wrist'] + body.hand * lower @ down
        points[f'{side}_thumb'] = points[f'{side}_wrist'] + body.hand * lower @ [
            -0.45 * sign, 0.45, 0.25]

        hip = pelvis @ [sign * body.hip_half, 0, 0]
        thigh = pelvis @ rotation('z', -sign * pose[f'{side}_hip_abduct']) @ rotation(
            'x', pose[f'{side}_hip_flex']) @ rotation('y', sign * pose[f'{side}_foot_out'])
        shank = thigh @ rotation('x', -pose[f'{side}_knee'])
        points[f'{side}_hip'] = hip
        points[f'{side}_knee'] = hip + body.thigh * thigh @ down
        points[f'{side}_ankle'] = points[f'{side}_knee'] + body.shank * shank @ down
        ankle = points[f'{side}_ankle']
        points[f'{side}_heel'] = ankle + shank @ [0, 0.8 * body.ankle_height, -0.2 * body.foot]
        points[f'{side}_toe'] = ankle + shank @ [0, body.ankle_height, 0.75 * body.foot]
    points = {name: point * stature for name, point in points.items()}
    return Figure(points, head, torso, pelvis, stature, body)
