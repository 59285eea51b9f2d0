# RSN-18 of MMPose with its head, targets, augmentation and schedule, on Leeds Sports Pose Extended.
_base_ = ['./rsn18_lsp-128x96.py']

codec = [
    dict(type='MegviiHeatmap', input_size=(96, 128), heatmap_size=(24, 32), kernel_size=size)
    for size in (11, 9, 7, 5)
]
model = dict(
    _delete_=True,
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(
        type='RSN', unit_channels=256, num_stages=1, num_units=4, num_blocks=[2, 2, 2, 2],
        num_steps=4, norm_cfg=dict(type='BN')),
    head=dict(
        type='MSPNHead', out_shape=(32, 24), unit_channels=256, out_channels=14, num_stages=1,
        num_units=4, norm_cfg=dict(type='BN'), level_indices=[0, 1, 2, 3],
        loss=[dict(type='KeypointMSELoss', use_target_weight=True, loss_weight=0.25)] * 3
        + [dict(type='KeypointOHKMMSELoss', use_target_weight=True, loss_weight=1.)],
        decoder=codec[-1]),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(type='RandomBBoxTransform'),
    dict(type='TopdownAffine', input_size=(96, 128)),
    dict(type='GenerateTarget', multilevel=True, encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=(96, 128)),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
# In float32, since its head cannot train in bfloat16 on a processor. The learning rate is 2e-2 for
# a batch of 256 there, here in proportion; the steps are at 81, 90 and 95% of the run.
optim_wrapper = dict(_delete_=True, optimizer=dict(type='Adam', lr=2e-2 * 8 / 256))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=50, by_epoch=False),
    dict(type='MultiStepLR', milestones=[486, 543, 571], gamma=0.1, by_epoch=False),
]
