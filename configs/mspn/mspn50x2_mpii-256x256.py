# 2xMSPN-50 on MPII.
_base_ = ['../_base_/mpii_256x256.py']

model = dict(
    backbone=dict(depth=50, unit='bottleneck', num_stages=2),
    head=dict(num_stages=2))
