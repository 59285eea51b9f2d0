# 4xMSPN-50 on MPII whose stem and first encoder start from ImageNet's ResNet-50.
_base_ = ['./mspn50x4_mpii-256x256.py']

model = dict(
    backbone=dict(
        init_cfg=dict(type='rsn_mm.PretrainedResNet', checkpoint='torchvision://resnet50')))
