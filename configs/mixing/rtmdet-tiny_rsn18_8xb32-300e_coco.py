# rsn_mm.RSN under mmdet's RTMDet, whose neck takes the strides 8, 16 and 32.
_base_ = ['mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py']

custom_imports = dict(imports=['rsn_mm'])
model = dict(
    backbone=dict(
        _delete_=True, type='rsn_mm.RSN', depth=18, out_mode='pyramid', out_indices=(1, 2, 3)),
    neck=dict(in_channels=[128, 256, 512]))
