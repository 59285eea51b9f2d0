# MSPN-50 for weights of MMPose's model zoo: images RGB, boxes a quarter larger.
_base_ = ['../rsn/rsn50-mmpose_coco-256x192.py']

model = dict(backbone=dict(unit='bottleneck', variant='paper'))
