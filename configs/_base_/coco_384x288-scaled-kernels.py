# COCO keypoints, input 384x288, with Gaussian kernels scaled with the input. Which kernels the
# papers used at this size is not known; coco_384x288.py keeps those of 256x192.
_base_ = ['./coco_384x288.py']

kernel_sizes = (23, 17, 13, 9, 7)
model = dict(head=dict(decoder=dict(kernel_sizes=kernel_sizes)))
train_pipeline = _base_.train_pipeline
train_pipeline[-2]['encoder'].update(kernel_sizes=kernel_sizes)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
