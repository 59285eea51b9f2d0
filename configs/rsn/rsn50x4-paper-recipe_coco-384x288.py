# 4xRSN-50 at the larger input, trained by the recipe of the paper.
_base_ = ['./rsn50x4-paper-recipe_coco-256x192.py']

codec = dict(_base_.codec, input_size=(288, 384))
model = dict(head=dict(decoder=codec))
train_pipeline = _base_.train_pipeline
train_pipeline[-3].update(input_size=codec['input_size'])
train_pipeline[-2].update(encoder=codec)
val_pipeline = _base_.val_pipeline
val_pipeline[-2].update(input_size=codec['input_size'])
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
