# Four stages of the released RSN-18.
_base_ = ['./rsn18-released_coco-256x192.py']

model = dict(backbone=dict(num_stages=4), head=dict(num_stages=4))
