# RSN-50 whose branches are not joined: what the paper's Baseline2-50 is taken to be.
_base_ = ['../rsn/rsn50_coco-256x192.py']

model = dict(backbone=dict(unit='rsb_separate'))
