# 2xRSN-50 as in MMPose, 2 stages.
_base_ = ['./rsn50-mmpose_coco-256x192.py']

model = dict(backbone=dict(num_stages=2), head=dict(num_stages=2))
