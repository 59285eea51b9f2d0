# RSN-18 on generated people, which are drawn on first use; trains in minutes on a CPU.
_base_ = ['../_base_/default_runtime.py', '../_base_/rsn_model.py']

# -- often changed: how much data, how long ----------------------------------------------------
codec = dict(type='rsn_mm.RSNHeatmap', input_size=(96, 128))
model = dict(
    backbone=dict(depth=18, zero_init_residual=True),
    head=dict(out_channels=17, decoder=codec, loss=dict(topk=17)))
dataset_type = 'rsn_mm.SyntheticCocoDataset'
data = dict(
    type=dataset_type,
    data_root='data/synthetic_rsn18',
    scene=dict(pose_variety=0.3, occlusion=0.5, degradation=0.2))
max_epochs = 3
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
optim_wrapper = dict(
    optimizer=dict(type='Adam', lr=3e-3, weight_decay=1e-5),
    # Few iterations: the last norm has to get from 1 to maps of 0..255 in them.
    paramwise_cfg=dict(custom_keys={'heatmap.bn': dict(lr_mult=20)}))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=50, by_epoch=False),
    dict(type='LinearLR', start_factor=1., end_factor=0., begin=0, end=max_epochs, by_epoch=True,
         convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=8)
default_hooks = dict(
    logger=dict(interval=20), checkpoint=dict(save_best='coco/AP', rule='greater'))

# -- sometimes changed: augmentation, test boxes -----------------------------------------------
train_pipeline = [
    dict(type='rsn_mm.LoadVisibility'),
    dict(type='rsn_mm.LoadImage'),
    dict(type='rsn_mm.ExtendBBox', fixed=(0., 0.), random=(0.1, 0.1)),
    dict(type='rsn_mm.ScaleRotateBBox', scale=(0.95, 1.05), shrink=1., rotation=10.),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='rsn_mm.LoadImage'),
    dict(type='rsn_mm.ExtendBBox', fixed=(0.05, 0.05)),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(split='train', num_images=1000, pipeline=train_pipeline, **data))
val_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(split='val', pipeline=val_pipeline, test_mode=True, **data))
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoMetric', ann_file=data['data_root'] + '/val/annotations.json')
test_evaluator = val_evaluator
