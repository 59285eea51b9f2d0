# 3xRSN-50, 3 stages.
_base_ = ['../_base_/coco_256x192.py']

model = dict(backbone=dict(num_stages=3), head=dict(num_stages=3))
