"""Residual units by the name a config gives."""

from .base import ResidualUnit
from .basic import BasicUnit
from .bottleneck import Bottleneck
from .dense import DenseUnit
from .osnet import OSNetUnit
from .res2net import Res2NetUnit
from .rsb import ResidualStepsBlock
from .width import BRANCHES

UNITS: dict[str, type[ResidualUnit]] = {
    'rsb': ResidualStepsBlock,
    'basic': BasicUnit,
    'bottleneck': Bottleneck,
    'res2net': Res2NetUnit,
    'dense': DenseUnit,
    'osnet': OSNetUnit,
}

__all__ = [
    'BRANCHES', 'UNITS', 'BasicUnit', 'Bottleneck', 'DenseUnit', 'OSNetUnit', 'Res2NetUnit',
    'ResidualStepsBlock', 'ResidualUnit',
]
