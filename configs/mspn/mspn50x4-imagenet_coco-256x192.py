# 4xMSPN-50 whose stem and first encoder start from ImageNet's ResNet-50, which mmengine's address
# list finds and torch downloads; or give the path of a file with torchvision's names.
_base_ = ['./mspn50x4_coco-256x192.py']

model = dict(
    backbone=dict(
        init_cfg=dict(type='rsn_mm.PretrainedResNet', checkpoint='torchvision://resnet50')))
