# 4xMSPN-50, 4 stages.
_base_ = ['./mspn50_coco-256x192.py']

model = dict(backbone=dict(num_stages=4), head=dict(num_stages=4))
