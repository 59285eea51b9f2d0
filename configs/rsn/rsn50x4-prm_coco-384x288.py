# 4xRSN-50 with the Pose Refine Machine at the larger input (paper, Table 6: 65.9 GFLOPs).
_base_ = ['./rsn50x4_coco-384x288.py']

model = dict(head=dict(prm=dict(position='feature')))
