# MPII (data/mpii), input 256x256, the released recipe.
_base_ = ['./default_runtime.py', './rsn_model.py', './schedule_released.py']

# -- often changed: codec, batch size, length --------------------------------------------------
codec = dict(type='rsn_mm.RSNHeatmap', input_size=(256, 256), blur_kernel_size=9)
model = dict(head=dict(out_channels=16, decoder=codec))

batch_size = 32
num_workers = 4
# 28,800 iterations of 8 x 32 images, over the 22,246 persons of the training set.
max_epochs = 331
train_cfg = dict(max_epochs=max_epochs, val_interval=10)
param_scheduler = [
    _base_.warmup,
    dict(type='LinearLR', start_factor=1., end_factor=0., begin=28, end=max_epochs, by_epoch=True,
         convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(save_best='PCK', rule='greater', interval=10))

# -- sometimes changed: augmentation, test boxes -----------------------------------------------
train_pipeline = [
    dict(type='rsn_mm.LoadVisibility', flags='binary'),
    dict(type='rsn_mm.LoadImage'),
    dict(type='rsn_mm.ExtendBBox', fixed=(0.25, 0.25)),
    dict(type='rsn_mm.HalfBodyBBox', prob=0.5, min_labeled=8, extension=(0.6, 0.6)),
    dict(type='rsn_mm.ScaleRotateBBox', scale=(0.75, 1.25), shrink=1., rotation=60.,
         rotation_prob=0.5),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='rsn_mm.LoadImage'),
    dict(type='rsn_mm.ExtendBBox', fixed=(0.25, 0.25)),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]

# -- never changed: where the data lies, and the metric ----------------------------------------
dataset_type = 'rsn_mm.MpiiDataset'
data_root = 'data/mpii/'
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/mpii_train.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/mpii_val.json',
        headbox_file=data_root + 'annotations/mpii_gt_val.mat',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='rsn_mm.MpiiPCKh')
test_evaluator = val_evaluator
