# 2xMSPN-50 that learns from the finest unit of each stage only, without intermediate supervision
# inside a stage.
_base_ = ['../mspn/mspn50x2_coco-256x192.py']

model = dict(head=dict(supervised_units=1))
