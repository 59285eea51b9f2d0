# 4xMSPN-50 whose stem and first encoder start from ImageNet's ResNet-50. torch downloads the
# weights; a path to a file with torchvision's names works as well.
_base_ = ['./mspn50x4_coco-256x192.py']

model = dict(
    backbone=dict(
        init_cfg=dict(type='rsn_mm.PretrainedResNet', checkpoint='torchvision://resnet50')))
