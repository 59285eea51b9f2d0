# 4xMSPN-50 at the larger input.
_base_ = ['../_base_/coco_384x288.py']

model = dict(
    backbone=dict(depth=50, unit='bottleneck', num_stages=4),
    head=dict(num_stages=4))
