"""A posed body in space: forward kinematics from angles to points.

Frame of a body: x towards its left, y down, z to its front. Frame of the camera: x to the right
and y down in the picture, z towards the camera ("near"). Somebody who faces the camera therefore
has the same x, y and z in both, and their left is on the right of the picture.
"""

from dataclasses import dataclass, replace

import numpy as np

from .body import SIGNS, Body
from .head import FACE, Head
from .poses import Pose

#: Margin around the points of a figure in parts of the stature: the radius of a limb.
MARGIN = 0.05


@dataclass(frozen=True)
class Figure:
    """A posed body in the frame of the camera."""

    points: dict[str, np.ndarray]  #: name -> (3,) x and y in pixels, z in pixels towards the camera
    head_frame: np.ndarray  #: (3, 3) rotation from the frame of the head to that of the camera
    torso_frame: np.ndarray  #: the same of the chest
    pelvis_frame: np.ndarray  #: the same of the pelvis
    stature: float  #: pixels per unit of ``body``
    body: Body

    @property
    def head(self) -> Head:
        """The head, in pixels."""
        return Head(self.points['head'], self.head_frame,
                    np.asarray(self.body.head) * self.stature)

    def moved(self, dx: float, dy: float) -> 'Figure':
        """Return the figure shifted in the picture."""
        shift = np.array([dx, dy, 0.0])
        return replace(self, points={name: point + shift for name, point in self.points.items()})

    def box_xyxy(self) -> np.ndarray:
        """Return the (4,) box of the points with a margin."""
        xy = np.array([point[:2] for point in self.points.values()])
        margin = MARGIN * self.stature
        return np.concatenate([xy.min(0) - margin, xy.max(0) + margin])

    def on_trunk(self, level: float, x: float, z: float) -> np.ndarray:
        """Return a (3,) point of the trunk in the frame of the camera.

        Args:
            level: 0 at the thorax, 1 at the pelvis.
            x: From the middle to the person's left, in parts of the stature.
            z: From the middle to the front, in parts of the stature.
        """
        thorax, waist, pelvis = (self.points[name] for name in ('thorax', 'waist', 'pelvis'))
        middle = thorax * (1 - level) + pelvis * level
        curve = 4 * level * (1 - level) * (waist - (0.62 * pelvis + 0.38 * thorax))
        frame = self.torso_frame * (1 - level) + self.pelvis_frame * level
        return middle + curve + self.stature * frame @ [x, 0, z]


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
    """Return the (3, 3) matrix from the frame of a body to that of the camera.

    Args:
        yaw: Degrees the body is turned; 0 faces the camera, 90 faces the right of the picture.
        pitch: Degrees the camera looks down.
        roll: Degrees the picture is turned.
    """
    return _swung(np.eye(3), z=roll, x=-pitch, y=yaw)


def _swung(frame: np.ndarray, z: float, x: float, y: float) -> np.ndarray:
    """Return a (3, 3) frame that is turned about its own axes z, x and y."""
    return frame @ rotation('z', z) @ rotation('x', x) @ rotation('y', y)


def pose_figure(body: Body, pose: Pose, view: np.ndarray, stature: float) -> Figure:
    """Turn a pose into a figure of a stature in pixels, whose pelvis is at (0, 0, 0)."""
    pelvis = view
    torso = _swung(pelvis, z=pose['lean'], x=-pose['bend'], y=pose['twist'])
    head = torso @ rotation('y', pose['head_yaw']) @ rotation('x', pose['head_pitch']) @ rotation(
        'z', pose['head_roll'])
    thorax = -body.torso * (0.3 * pelvis + 0.7 * torso)[:, 1]
    neck = thorax - body.neck * (torso + head)[:, 1] / 2
    _, tall, deep = body.head
    skull = Head(neck + head @ [0, -0.78 * tall, 0.12 * deep], head, np.asarray(body.head))
    points = dict(
        pelvis=np.zeros(3), waist=-0.19 * body.torso * (pelvis + torso)[:, 1], thorax=thorax,
        upper_neck=neck, head=skull.center, head_top=skull.center - 0.98 * tall * head[:, 1],
        **{joint: skull.at(place) for joint, place in FACE.items()})

    for side, sign in SIGNS.items():
        upper = _swung(torso, z=-sign * pose[f'{side}_arm_abduct'], x=pose[f'{side}_arm_flex'],
                       y=-sign * pose[f'{side}_arm_inward'])
        lower = upper @ rotation('x', pose[f'{side}_elbow'])
        shoulder = thorax + torso @ [sign * body.shoulder_half, 0.025, 0]
        elbow = shoulder + body.upper_arm * upper[:, 1]
        wrist = elbow + body.forearm * lower[:, 1]

        thigh = _swung(pelvis, z=-sign * pose[f'{side}_hip_abduct'], x=pose[f'{side}_hip_flex'],
                       y=sign * pose[f'{side}_foot_out'])
        shank = thigh @ rotation('x', -pose[f'{side}_knee'])
        hip = pelvis @ [sign * body.hip_half, 0, 0]
        knee = hip + body.thigh * thigh[:, 1]
        ankle = knee + body.shank * shank[:, 1]
        limbs = dict(
            shoulder=shoulder, elbow=elbow, wrist=wrist, hand=wrist + body.hand * lower[:, 1],
            thumb=wrist + body.hand * lower @ [-0.45 * sign, 0.45, 0.25],
            hip=hip, knee=knee, ankle=ankle,
            heel=ankle + shank @ [0, 0.8 * body.ankle_height, -0.2 * body.foot],
            toe=ankle + shank @ [0, body.ankle_height, 0.75 * body.foot])
        points.update({f'{side}_{name}': point for name, point in limbs.items()})
    points = {name: point * stature for name, point in points.items()}
    return Figure(points, head, torso, pelvis, stature, body)
