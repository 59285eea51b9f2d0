# COCO keypoints, input 384x288 (height x width).
_base_ = ['./coco_256x192.py']

codec = dict(type='rsn_mm.RSNHeatmap', input_size=(288, 384), blur_kernel_size=5)
model = dict(head=dict(decoder=codec))
train_pipeline = [
    *_base_.augmentation,
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    *_base_.test_box,
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
