# ResNet-18 (paper, Table 3: 2.3 GFLOPs). ResNet-50 is ../mspn/mspn50.
_base_ = ['../_base_/coco_256x192.py']

model = dict(backbone=dict(depth=18, unit='basic'))
