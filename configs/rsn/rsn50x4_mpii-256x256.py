# 4xRSN-50 on MPII, with the Pose Refine Machine (paper, Table 8).
_base_ = ['../_base_/mpii_256x256.py']

model = dict(
    backbone=dict(num_stages=4),
    head=dict(num_stages=4, prm=dict(position='feature')))
