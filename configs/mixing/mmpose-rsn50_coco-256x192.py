# MMPose's own RSN-50 backbone under our head, codec and recipe.
_base_ = ['../rsn/rsn50_coco-256x192.py']

model = dict(
    backbone=dict(
        _delete_=True, type='RSN', num_stages=1, num_blocks=[3, 4, 6, 3]))
