# 4xRSN-50, 4 stages.
_base_ = ['../_base_/coco_256x192.py']

model = dict(backbone=dict(num_stages=4), head=dict(num_stages=4))
