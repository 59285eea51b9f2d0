# 4xRSN-50 at both input sizes, heatmaps averaged: the paper's RSN* (Table 6, 79.2 AP on test-dev).
# It names the backbone alone: that its two single systems are the members, alike in weight, is
# inferred. For tools/test.py, without a checkpoint; docs/evaluation.md.
_base_ = ['../_base_/coco_256x192.py']

names = ['rsn50x4-prm_coco-256x192', 'rsn50x4-prm_coco-384x288']
members = [dict(config='{{ fileDirname }}/' + name + '.py',
                checkpoint='work_dirs/' + name + '/epoch_164.pth') for name in names]
model = dict(_delete_=True, type='rsn_mm.Ensemble', members=members)
test_pipeline = [
    *_base_.test_box, dict(type='rsn_mm.PackInputSizes', input_sizes=[(192, 256), (288, 384)])]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
