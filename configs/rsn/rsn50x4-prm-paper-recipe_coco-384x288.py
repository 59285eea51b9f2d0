# 4xRSN-50 with the Pose Refine Machine at the larger input, trained by the recipe of the paper.
_base_ = ['./rsn50x4-paper-recipe_coco-384x288.py']

model = dict(head=dict(prm=dict(position='feature')))
