# RSN-18 as released: narrower than the paper's, for the released weights.
_base_ = ['./rsn18_coco-256x192.py']

model = dict(backbone=dict(variant='released'))
