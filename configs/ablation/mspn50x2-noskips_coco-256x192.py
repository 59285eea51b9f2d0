# 2xMSPN-50 without cross-stage feature aggregation: the second stage gets only the finest output of
# the first (MSPN, section 4).
_base_ = ['../mspn/mspn50x2_coco-256x192.py']

model = dict(backbone=dict(stage_skips=False))
