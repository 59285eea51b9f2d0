# ResNet-18 with the Pose Refine Machine (paper, Table 5: 4.1 GFLOPs).
_base_ = ['./resnet18_coco-256x192.py']

model = dict(head=dict(prm=dict(position='feature')))
