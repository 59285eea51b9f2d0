# MMPose's HRNet and HeatmapHead, trained and decoded with the finest heatmaps of our codec.
_base_ = [
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py'
]

custom_imports = dict(imports=['rsn_mm'])
codec = dict(_delete_=True, type='rsn_mm.RSNHeatmap', input_size=(192, 256), targets='heatmap')
encoder = {k: v for k, v in codec.items() if k != '_delete_'}
model = dict(
    backbone=dict(init_cfg=None),
    head=dict(decoder=codec),
    test_cfg=dict(shift_heatmap=False))
train_pipeline = _base_.train_pipeline
train_pipeline[-2] = dict(type='GenerateTarget', encoder=encoder)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
