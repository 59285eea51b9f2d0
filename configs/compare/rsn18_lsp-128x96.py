# The network and the budget that all runs of lsp.yml share: 4,800 photographs in 600 steps.
_base_ = ['../rsn/rsn18_lsp-128x96.py']

max_epochs = 4
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(type='rsn_mm.AmpOptimWrapper', dtype='bfloat16')
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=100, by_epoch=False),
    dict(type='PolyLR', power=1, eta_min=0, begin=0, end=max_epochs, by_epoch=True,
         convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=1))
test_evaluator = [
    dict(type='PCKAccuracy', thr=0.1, norm_item='bbox', prefix='0.1'),
    dict(type='PCKAccuracy', thr=0.05, norm_item='bbox', prefix='0.05'),
    dict(type='CocoMetric', ann_file=_base_.data_root + 'val.json'),
]
