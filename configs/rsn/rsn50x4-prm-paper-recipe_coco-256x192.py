# 4xRSN-50 with the Pose Refine Machine, trained by the recipe of the paper.
_base_ = ['./rsn50x4-paper-recipe_coco-256x192.py']

model = dict(head=dict(prm=dict(position='feature')))
