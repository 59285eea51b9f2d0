# RSN-18 whose branches are not joined: what the paper's Baseline2-18 is taken to be.
_base_ = ['../rsn/rsn18_coco-256x192.py']

model = dict(backbone=dict(unit='rsb_separate'))
