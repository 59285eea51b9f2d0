# rsn_mm.RSN under MMPose's MSPNHead, trained on all levels of our codec.
_base_ = ['../rsn/rsn18_coco-256x192.py']

codec = dict(type='rsn_mm.RSNHeatmap', input_size=(192, 256), targets='heatmaps')
model = dict(
    head=dict(
        _delete_=True, type='MSPNHead', num_stages=1, level_indices=[1, 2, 3, 4],
        loss=dict(type='KeypointMSELoss', use_target_weight=True), decoder=codec))
train_pipeline = _base_.train_pipeline
train_pipeline[-2] = dict(type='GenerateTarget', encoder=codec)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
