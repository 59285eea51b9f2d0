# RSN-50 with 5 branches at the cost of 4 (paper, Table 4).
_base_ = ['../rsn/rsn50_coco-256x192.py']

model = dict(backbone=dict(num_branches=5))
