"""The geometry of a head: an ellipsoid with eyes, ears and a nose.

Frame of a head: x towards the person's left, y down, z to the front. Places on it are given in
its half axes: (0, 0, 1) is the middle of the face.
"""

from dataclasses import dataclass

import numpy as np

from .body import SIGNS

Place = tuple[float, float, float]

#: Joint -> its place.
FACE: dict[str, Place] = dict(nose=(0, 0.18, 1.1))
for _side, _sign in SIGNS.items():
    FACE[f'{_side}_eye'] = (0.36 * _sign, -0.1, 0.91)
    FACE[f'{_side}_ear'] = (1.0 * _sign, 0.04, -0.1)
NOSE_BRIDGE: Place = (0, 0.1, 1.0)

#: A place of the face is seen where it points this much towards the camera (cosine); the nose
#: stands out over the outline in profile.
FACING, NOSE_FACING = 0.12, -0.1
#: An ear sticks out: it is seen until it is this far behind the middle of the head (half widths).
EAR_BEHIND = -0.5


@dataclass(frozen=True)
class Head:
    """A head in the frame of the camera, in any unit of length."""

    center: np.ndarray  #: (3,)
    rotation: np.ndarray  #: (3, 3) from the frame of the head to that of the camera
    half_axes: np.ndarray  #: (3,) half width, height and depth

    def at(self, place: Place) -> np.ndarray:
        """Return the (3,) point of a place in the frame of the camera."""
        return self.center + self.rotation @ (np.array(place) * self.half_axes)

    def facing(self, place: Place) -> float:
        """Return how much the head points at the camera at a place, -1 to 1."""
        direction = np.array(place)
        return float((self.rotation @ (direction / np.linalg.norm(direction)))[2])

    def nearness(self, joint: str) -> float:
        """Return how much nearer a joint of the face is than the middle of the head."""
        return float((self.at(FACE[joint]) - self.center)[2])

    def shows(self, joint: str) -> bool:
        """Tell whether a joint of the face is on the side of the head that is seen."""
        if joint == 'nose':
            return self.facing(NOSE_BRIDGE) > NOSE_FACING
        if joint.endswith('_eye'):
            return self.facing(FACE[joint]) >= FACING
        return self.nearness(joint) >= EAR_BEHIND * self.half_axes[0]

    def outline(self) -> np.ndarray:
        """Return the (32, 2) outline that is seen from the camera."""
        shape = (self.rotation * self.half_axes)[:2]
        values, vectors = np.linalg.eigh(shape @ shape.T)
        angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        unit = np.stack([np.cos(angle), np.sin(angle)])
        return (self.center[:2, None] + vectors @ (np.sqrt(values)[:, None] * unit)).T
