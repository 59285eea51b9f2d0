# 2xMSPN-50 with neither coarse-to-fine supervision nor cross-stage feature aggregation.
_base_ = ['./mspn50x2-noctf_coco-256x192.py']

model = dict(backbone=dict(stage_skips=False))
