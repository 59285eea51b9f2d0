# RSN-50 on 7,640 photographs of the Leeds Sports Pose Extended set, in bfloat16 on one GPU.
_base_ = ['./rsn18_lsp-128x96.py']

codec = dict(type='rsn_mm.RSNHeatmap', input_size=(192, 256))
model = dict(backbone=dict(depth=50), head=dict(decoder=codec))

train_pipeline = [
    dict(type='rsn_mm.LoadVisibility'),
    dict(type='rsn_mm.LoadImage'),
    dict(type='rsn_mm.ExtendBBox', fixed=(0.1, 0.1), random=(0.2, 0.2)),
    dict(type='rsn_mm.ScaleRotateBBox', scale=(0.75, 1.25), shrink=1., rotation=40.),
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
train_dataloader = dict(
    batch_size=64, num_workers=12, drop_last=True,
    dataset=dict(ann_file='train_large.json', pipeline=train_pipeline))
val_dataloader = dict(batch_size=64, num_workers=4, dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

max_epochs = 14
train_cfg = dict(max_epochs=max_epochs, val_interval=7)
optim_wrapper = dict(type='rsn_mm.AmpOptimWrapper')
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=150, by_epoch=False),
    dict(type='PolyLR', power=1, eta_min=0, begin=0, end=max_epochs, by_epoch=True,
         convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=64)
default_hooks = dict(checkpoint=dict(max_keep_ckpts=1))
