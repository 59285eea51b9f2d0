# 2xMSPN-50 for weights of MMPose's model zoo.
_base_ = ['./mspn50-mmpose_coco-256x192.py']

model = dict(backbone=dict(num_stages=2), head=dict(num_stages=2))
