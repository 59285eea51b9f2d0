# 4xRes2Net-50 (paper, Table 3: 20.1 GFLOPs).
_base_ = ['./res2net50_coco-256x192.py']

model = dict(backbone=dict(num_stages=4), head=dict(num_stages=4))
