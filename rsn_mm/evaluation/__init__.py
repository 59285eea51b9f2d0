from .coco import CocoMetric
from .dump import DumpResults
from .mpii import MpiiPCKh

__all__ = ['CocoMetric', 'DumpResults', 'MpiiPCKh']
