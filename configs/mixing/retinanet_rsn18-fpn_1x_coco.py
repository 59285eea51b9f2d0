# rsn_mm.RSN under the feature pyramid of mmdet's RetinaNet.
_base_ = ['mmdet::retinanet/retinanet_r50_fpn_1x_coco.py']

custom_imports = dict(imports=['rsn_mm'])
model = dict(
    backbone=dict(_delete_=True, type='rsn_mm.RSN', depth=18, out_mode='pyramid'),
    neck=dict(in_channels=[64, 128, 256, 512]))
