from .coco import CocoMetric
from .joints import JointError, JointErrors
from .mpii import MpiiPCKh

__all__ = ['CocoMetric', 'JointError', 'JointErrors', 'MpiiPCKh']
