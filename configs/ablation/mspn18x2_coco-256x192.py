# Two stages of ResNet-18, to be compared with one stage of ResNet-50. That MSPN's table has this
# network is inferred.
_base_ = ['./resnet18_coco-256x192.py']

model = dict(backbone=dict(num_stages=2), head=dict(num_stages=2))
