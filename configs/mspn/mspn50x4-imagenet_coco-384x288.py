# 4xMSPN-50 at the larger input whose stem and first encoder start from ImageNet's ResNet-50.
_base_ = ['./mspn50x4_coco-384x288.py']

model = dict(
    backbone=dict(
        init_cfg=dict(type='rsn_mm.PretrainedResNet', checkpoint='torchvision://resnet50')))
