# 3xRSN-50 as in MMPose, 3 stages.
_base_ = ['./rsn50-mmpose_coco-256x192.py']

model = dict(backbone=dict(num_stages=3), head=dict(num_stages=3))
