# 2xMSPN-50, 2 stages.
_base_ = ['./mspn50_coco-256x192.py']

model = dict(backbone=dict(num_stages=2), head=dict(num_stages=2))
