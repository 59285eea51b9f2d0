# 2xMSPN-50 without online hard keypoint mining, by the released code's switch: the last unit of a
# stage has the plain loss of the other units.
_base_ = ['../mspn/mspn50x2_coco-256x192.py']

model = dict(head=dict(loss=dict(topk=None)))
