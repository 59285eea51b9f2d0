# 4xRes2Net-50 at the larger input (paper, Table 3: 45.2 GFLOPs).
_base_ = ['../_base_/coco_384x288.py']

model = dict(backbone=dict(depth=50, unit='res2net', num_stages=4), head=dict(num_stages=4))
