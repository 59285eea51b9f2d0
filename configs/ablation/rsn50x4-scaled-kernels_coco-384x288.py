# 4xRSN-50 at the larger input, with target kernels scaled with it.
_base_ = ['../_base_/coco_384x288-scaled-kernels.py']

model = dict(backbone=dict(num_stages=4), head=dict(num_stages=4))
