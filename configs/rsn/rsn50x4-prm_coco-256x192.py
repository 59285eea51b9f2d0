# 4xRSN-50 with the Pose Refine Machine, the paper's system (Table 6: 29.3 GFLOPs).
_base_ = ['./rsn50x4_coco-256x192.py']

model = dict(head=dict(prm=dict(position='feature')))
