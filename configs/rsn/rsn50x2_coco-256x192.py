# 2xRSN-50, 2 stages.
_base_ = ['../_base_/coco_256x192.py']

model = dict(backbone=dict(num_stages=2), head=dict(num_stages=2))
