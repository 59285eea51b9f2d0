# RSN-18 with squeeze-and-excitation in place of the Pose Refine Machine.
_base_ = ['../rsn/rsn18_coco-256x192.py']

model = dict(head=dict(prm=dict(type='SE', position='feature')))
