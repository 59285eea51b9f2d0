# RSN-18 as in MMPose, for weights of its model zoo: images RGB, boxes a quarter larger.
_base_ = ['./rsn18-released_coco-256x192.py']

model = dict(
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True))
val_pipeline = [
    dict(type='rsn_mm.LoadImage'),
    dict(type='rsn_mm.ExtendBBox', fixed=(0.25, 0.25)),
    dict(type='TopdownAffine', input_size=_base_.codec['input_size']),
    dict(type='PackPoseInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
