# RSN-50 as in MMPose: half the parameters of the paper's.
_base_ = ['./rsn18-mmpose_coco-256x192.py']

model = dict(backbone=dict(depth=50))
