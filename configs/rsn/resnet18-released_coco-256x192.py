# Res18 of the released code, its baseline for RSN-18: bottlenecks that do not widen the features.
_base_ = ['./rsn18_coco-256x192.py']

model = dict(backbone=dict(unit='bottleneck', expansion=1))
