# One stage of ResNet-152, for the comparison of depth with stages. That MSPN's table has this depth
# is inferred.
_base_ = ['../mspn/mspn50_coco-256x192.py']

model = dict(backbone=dict(num_blocks=(3, 8, 36, 3)))
