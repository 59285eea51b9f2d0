# The paper's recipe (section 4.1) in place of the released one: norms synchronized over GPUs, 48
# images per GPU on 8 GPUs, 200 epochs, boxes scaled by 0.7 to 1.35, float32. What the paper does
# not say is as in the released code; docs/training.md lists what is inferred.
_base_ = ['./coco_256x192.py']

norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(backbone=dict(norm_cfg=norm_cfg), head=dict(norm_cfg=norm_cfg))

batch_size = 48
max_epochs = 200
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(
    _delete_=True, type='OptimWrapper', optimizer=_base_.optim_wrapper.optimizer)
auto_scale_lr = dict(base_batch_size=8 * batch_size)
param_scheduler = [
    _base_.warmup,  # 2,400 iterations are 6 epochs of 390
    dict(type='LinearLR', start_factor=1., end_factor=0., begin=6, end=max_epochs, by_epoch=True,
         convert_to_iter_based=True),
]

train_pipeline = [
    dict(step, scale=(0.7, 1.35)) if step['type'] == 'rsn_mm.ScaleRotateBBox' else step
    for step in _base_.train_pipeline]
train_dataloader = dict(batch_size=batch_size, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=batch_size)
test_dataloader = dict(batch_size=batch_size)
