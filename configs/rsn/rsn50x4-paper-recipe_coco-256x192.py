# 4xRSN-50, trained by the recipe of the paper rather than by the released one.
_base_ = ['../_base_/schedule_paper.py']

model = dict(backbone=dict(num_stages=4), head=dict(num_stages=4))
