# 4xResNet-50 with the Pose Refine Machine (paper, Table 5: 22.4 GFLOPs).
_base_ = ['../mspn/mspn50x4_coco-256x192.py']

model = dict(head=dict(prm=dict(position='feature')))
