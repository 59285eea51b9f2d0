# Res2Net-18 (paper, Table 3: 2.2 GFLOPs).
_base_ = ['../_base_/coco_256x192.py']

model = dict(backbone=dict(depth=18, unit='res2net'))
