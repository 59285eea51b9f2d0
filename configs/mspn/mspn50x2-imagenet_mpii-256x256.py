# 2xMSPN-50 on MPII whose stem and first encoder start from ImageNet's ResNet-50, as in the released
# experiment.
_base_ = ['./mspn50x2_mpii-256x256.py']

model = dict(
    backbone=dict(
        init_cfg=dict(type='rsn_mm.PretrainedResNet', checkpoint='torchvision://resnet50')))
