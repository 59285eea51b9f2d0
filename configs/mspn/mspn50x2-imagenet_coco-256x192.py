# 2xMSPN-50 whose stem and first encoder start from ImageNet's ResNet-50, as in the released
# experiment.
_base_ = ['./mspn50x2_coco-256x192.py']

model = dict(
    backbone=dict(
        init_cfg=dict(type='rsn_mm.PretrainedResNet', checkpoint='torchvision://resnet50')))
