# RSN-50, trained by the recipe of the paper rather than by the released one.
_base_ = ['../_base_/schedule_paper.py']

model = dict(backbone=dict(depth=50))
