# RSN-18 as released, on MPII.
_base_ = ['./rsn18_mpii-256x256.py']

model = dict(backbone=dict(variant='released'))
