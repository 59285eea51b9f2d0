from .coco import CocoMetric
from .dump import DumpResults
from .joints import JointError, JointErrors
from .mpii import MpiiPCKh

__all__ = ['CocoMetric', 'DumpResults', 'JointError', 'JointErrors', 'MpiiPCKh']
