"""Residual units, registered under the names that configs use."""

from .base import ResidualUnit
from .branches import BRANCHES
from .config import check_unit, resolve_unit
from .dense import DenseUnit
from .osnet import OSNetUnit
from .res2net import Res2NetUnit
from .resnet import BasicUnit, Bottleneck
from .rsb import ResidualStepsBlock
from .rsb_baselines import ChainedStepsBlock, SeparateStepsBlock

__all__ = [
    'BRANCHES', 'BasicUnit', 'Bottleneck', 'ChainedStepsBlock', 'DenseUnit', 'OSNetUnit',
    'Res2NetUnit', 'ResidualStepsBlock', 'ResidualUnit', 'SeparateStepsBlock', 'check_unit',
    'resolve_unit',
]
