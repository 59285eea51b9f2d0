# COCO keypoints (data/coco), input 256x192 (height x width), the released recipe.
_base_ = ['./default_runtime.py', './rsn_model.py', './schedule_released.py']

# -- often changed: codec, batch size, length --------------------------------------------------
codec = dict(type='rsn_mm.RSNHeatmap', input_size=(192, 256), blur_kernel_size=5)
model = dict(head=dict(out_channels=17, decoder=codec))

batch_size = 32
num_workers = 4
# 96,000 iterations of 8 x 32 images, over the 149,813 persons of train2017 that have keypoints.
max_epochs = 164
train_cfg = dict(max_epochs=max_epochs, val_interval=4)
param_scheduler = [
    _base_.warmup,
    dict(type='LinearLR', start_factor=1., end_factor=0., begin=4, end=max_epochs, by_epoch=True,
         convert_to_iter_based=True),
]
default_hooks = dict(
    checkpoint=dict(save_best='coco/AP', rule='greater', interval=4))

# -- sometimes changed: augmentation, test boxes -----------------------------------------------
augmentation = [
    dict(type='rsn_mm.LoadVisibility'),
    dict(type='rsn_mm.LoadImage'),
    dict(type='rsn_mm.ExtendBBox', fixed=(0.05, 0.05), random=(0.6, 0.8)),
    # The released code counts the hips (11, 12) as upper body.
    dict(type='rsn_mm.HalfBodyBBox', prob=0.3, min_labeled=3, extension=(0.6, 0.8),
         upper_body_ids=list(range(13))),
    dict(type='rsn_mm.ScaleRotateBBox', scale=(0.75, 1.25), shrink=0.8, rotation=45.,
         rotation_prob=0.5),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
]
test_box = [
    dict(type='rsn_mm.LoadImage'),
    dict(type='rsn_mm.ExtendBBox', fixed=(0.09, 0.135)),
]
train_pipeline = [
    *augmentation,
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    *test_box,
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]

# -- never changed: where the data lies, and the metric ----------------------------------------
dataset_type = 'CocoDataset'
data_root = 'data/coco/'
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/person_keypoints_train2017.json',
        data_prefix=dict(img='train2017/'),
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
        ann_file='annotations/person_keypoints_val2017.json',
        bbox_file=data_root
        + 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
        pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(
    type='CocoMetric',
    ann_file=data_root + 'annotations/person_keypoints_val2017.json',
    nms_mode='none')
test_evaluator = val_evaluator
