# MSPN-50 whose stem and first encoder start from ImageNet's ResNet-50.
_base_ = ['./mspn50_coco-256x192.py']

model = dict(
    backbone=dict(
        init_cfg=dict(type='rsn_mm.PretrainedResNet', checkpoint='torchvision://resnet50')))
