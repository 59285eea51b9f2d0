# 4xRSN-50 at the larger input (paper, Table 3: 61.9 GFLOPs).
_base_ = ['../_base_/coco_384x288.py']

model = dict(backbone=dict(num_stages=4), head=dict(num_stages=4))
