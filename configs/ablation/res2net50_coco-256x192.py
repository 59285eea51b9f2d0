# Res2Net-50 (paper, Table 3: 4.5 GFLOPs).
_base_ = ['../_base_/coco_256x192.py']

model = dict(backbone=dict(depth=50, unit='res2net'))
