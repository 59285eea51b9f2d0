# RSN-18 with 2 branches at the cost of 4 (paper, Table 4).
_base_ = ['../rsn/rsn18_coco-256x192.py']

model = dict(backbone=dict(num_branches=2))
