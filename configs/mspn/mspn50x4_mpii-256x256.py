# 4xMSPN-50 on MPII.
_base_ = ['./mspn50x2_mpii-256x256.py']

model = dict(backbone=dict(num_stages=4), head=dict(num_stages=4))
