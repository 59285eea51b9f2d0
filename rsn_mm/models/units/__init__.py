"""Residual units by the name a config gives."""

from .base import ResidualUnit
from .basic import BasicUnit
from .bottleneck import Bottleneck
from .rsb import ResidualStepsBlock

UNITS: dict[str, type[ResidualUnit]] = {
    'rsb': ResidualStepsBlock,
    'basic': BasicUnit,
    'bottleneck': Bottleneck,
}

__all__ = ['UNITS', 'BasicUnit', 'Bottleneck', 'ResidualStepsBlock', 'ResidualUnit']
