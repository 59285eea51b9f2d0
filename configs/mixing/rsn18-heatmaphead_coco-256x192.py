# rsn_mm.RSN as the backbone of MMPose's stock top-down heatmap configuration.
_base_ = ['mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py']

custom_imports = dict(imports=['rsn_mm'])
model = dict(
    backbone=dict(_delete_=True, type='rsn_mm.RSN', depth=18, out_mode='pyramid'),
    head=dict(in_channels=512))
