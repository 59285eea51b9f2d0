# ResNet-101 (paper, Table 3: 7.5 GFLOPs).
_base_ = ['../_base_/coco_256x192.py']

model = dict(backbone=dict(depth=101, unit='bottleneck'))
