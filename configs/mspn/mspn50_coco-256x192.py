# MSPN-50, one stage: ResNet-50's bottlenecks in place of RSBs, everything else as in RSN.
_base_ = ['../_base_/coco_256x192.py']

model = dict(backbone=dict(depth=50, unit='bottleneck'))
