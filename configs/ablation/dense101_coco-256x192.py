# DenseNet-style units at the cost of RSN-101; widths are inferred.
_base_ = ['../_base_/coco_256x192.py']

model = dict(backbone=dict(depth=101, unit='dense'))
