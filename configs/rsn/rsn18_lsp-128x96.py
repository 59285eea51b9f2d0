# RSN-18 on 1,500 photographs of the Leeds Sports Pose Extended set, 14 joints in AIC order.
_base_ = ['../_base_/default_runtime.py', '../_base_/rsn_model.py']

codec = dict(type='rsn_mm.RSNHeatmap', input_size=(96, 128))
model = dict(
    backbone=dict(depth=18, zero_init_residual=True),
    head=dict(out_channels=14, decoder=codec, loss=dict(topk=14)))

dataset_type = 'AicDataset'
data_root = 'data/lsp/'
train_pipeline = [
    dict(type='rsn_mm.LoadVisibility'),
    dict(type='rsn_mm.LoadImage'),
    dict(type='rsn_mm.ExtendBBox', fixed=(0.1, 0.1), random=(0.2, 0.2)),
    dict(type='rsn_mm.ScaleRotateBBox', scale=(0.85, 1.15), shrink=1., rotation=30.),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='rsn_mm.LoadImage'),
    dict(type='rsn_mm.ExtendBBox', fixed=(0.2, 0.2)),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]
dataset = dict(type=dataset_type, data_root=data_root, data_prefix=dict(img='images/'))
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(ann_file='train.json', pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(ann_file='val.json', pipeline=val_pipeline, test_mode=True, **dataset))
test_dataloader = val_dataloader
val_evaluator = [
    dict(type='CocoMetric', ann_file=data_root + 'val.json'),
    dict(type='PCKAccuracy', thr=0.1, norm_item='bbox'),
]
test_evaluator = val_evaluator

max_epochs = 16
train_cfg = dict(max_epochs=max_epochs, val_interval=4)
optim_wrapper = dict(
    optimizer=dict(type='Adam', lr=2e-3, betas=(0.9, 0.99), weight_decay=1e-5),
    paramwise_cfg=dict(custom_keys={'heatmap.bn': dict(lr_mult=20)}))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=100, by_epoch=False),
    dict(type='PolyLR', power=1, eta_min=0, begin=0, end=max_epochs, by_epoch=True,
         convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=8)
default_hooks = dict(checkpoint=dict(save_best='PCK', rule='greater'))
