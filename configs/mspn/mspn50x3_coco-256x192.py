# 3xMSPN-50, 3 stages.
_base_ = ['./mspn50_coco-256x192.py']

model = dict(backbone=dict(num_stages=3), head=dict(num_stages=3))
