# DenseNet-style units at the cost of 4xRSN-50; widths are inferred.
_base_ = ['./dense50_coco-256x192.py']

model = dict(backbone=dict(num_stages=4), head=dict(num_stages=4))
