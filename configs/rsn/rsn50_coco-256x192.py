# RSN-50 (paper, Table 3: 6.4 GFLOPs).
_base_ = ['../_base_/coco_256x192.py']

model = dict(backbone=dict(depth=50))
