# RSN-18 on little data: the short recipe of docs/decisions/short-runs.md for joints of your own.
# A config on this base sets input size, number of joints and length, and puts its pipelines
# together from the parts below; `rsn-mm dataset` writes one (docs/custom.md).
_base_ = ['./default_runtime.py', './rsn_model.py']

# -- often changed: batch size, augmentation, test boxes ----------------------------------------
batch_size = 8
augmentation = [
    dict(type='rsn_mm.LoadVisibility'),
    dict(type='rsn_mm.LoadImage'),
    dict(type='rsn_mm.ExtendBBox', fixed=(0.1, 0.1), random=(0.2, 0.2)),
    dict(type='rsn_mm.ScaleRotateBBox', scale=(0.85, 1.15), shrink=1., rotation=30.),
    dict(type='RandomFlip', direction='horizontal'),
]
test_box = [
    dict(type='rsn_mm.LoadImage'),
    dict(type='rsn_mm.ExtendBBox', fixed=(0.2, 0.2)),
]
# The same for boxes that are whole images.
image_augmentation = [
    *augmentation[:2],
    dict(type='rsn_mm.ExtendBBox', fixed=(0., 0.), random=(0.1, 0.1)),
    dict(type='rsn_mm.ScaleRotateBBox', scale=(0.75, 1.25), shrink=1., rotation=30.),
    augmentation[-1],
]
image_box = [
    dict(type='rsn_mm.LoadImage'),
    dict(type='rsn_mm.ExtendBBox', fixed=(0., 0.)),
]

# -- sometimes changed: optimizer ---------------------------------------------------------------
model = dict(
    backbone=dict(depth=18, zero_init_residual=True, channels_last=True),
    head=dict(loss=dict(topk='all')))
optim_wrapper = dict(
    optimizer=dict(type='Adam', lr=2e-3, betas=(0.9, 0.99), weight_decay=1e-5),
    paramwise_cfg=dict(custom_keys={'heatmap.bn': dict(lr_mult=20)}))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=100, by_epoch=False),
    # Without an `end`, a schedule ends with the training.
    dict(type='PolyLR', power=1, eta_min=0, begin=0, by_epoch=True, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=batch_size)
default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(save_best='EPE', rule='less', max_keep_ckpts=1))

# -- never changed: loaders and metrics ---------------------------------------------------------
dataset_type = 'CocoDataset'
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type=dataset_type))
val_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(type=dataset_type, test_mode=True))
test_dataloader = val_dataloader
# The annotation file is that of the dataset.
val_evaluator = [
    dict(type='CocoMetric', nms_mode='none'),
    dict(type='rsn_mm.JointErrors', thr=0.1),
]
test_evaluator = val_evaluator
