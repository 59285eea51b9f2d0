# 2xMSPN-50 without coarse-to-fine supervision, by the released code's switch: the last stage learns
# the same targets as the first (MSPN, section 4).
_base_ = ['../mspn/mspn50x2_coco-256x192.py']

model = dict(head=dict(loss=dict(coarse_to_fine=False)))
