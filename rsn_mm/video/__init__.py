"""Videos and cameras: reading, writing, following people, smoothing their movement."""

from .camera import Camera
from .carrying import BoxCarrier
from .following import follow
from .one_euro import OneEuro
from .reader import VideoReader
from .savitzky_golay import savitzky_golay
from .tracking import Tracker
from .writer import VideoWriter

__all__ = ['BoxCarrier', 'Camera', 'OneEuro', 'Tracker', 'VideoReader', 'VideoWriter', 'follow',
           'savitzky_golay']
