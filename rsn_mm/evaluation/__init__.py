from .coco import CocoMetric
from .mpii import MpiiPCKh

__all__ = ['CocoMetric', 'MpiiPCKh']
