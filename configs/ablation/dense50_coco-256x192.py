# DenseNet-style units at the cost of RSN-50; widths are inferred.
_base_ = ['../_base_/coco_256x192.py']

model = dict(backbone=dict(depth=50, unit='dense'))
