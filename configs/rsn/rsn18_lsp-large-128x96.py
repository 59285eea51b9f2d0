# RSN-18 on 7,640 photographs of the Leeds Sports Pose Extended set; two hours on one core.
_base_ = ['./rsn18_lsp-128x96.py']

train_dataloader = dict(batch_size=16, dataset=dict(ann_file='train_large.json'))
max_epochs = 20
train_cfg = dict(max_epochs=max_epochs, val_interval=2)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=100, by_epoch=False),
    dict(type='PolyLR', power=1, eta_min=0, begin=0, end=max_epochs, by_epoch=True,
         convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=16)
