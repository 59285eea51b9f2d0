# The estimator; dataset bases add the codec, the number of joints and the flip test.
model = dict(
    type='TopdownPoseEstimator',
    # Images stay BGR, normalized with ImageNet's statistics in that order.
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[103.53, 116.28, 123.675],
        std=[57.375, 57.12, 58.395],
        bgr_to_rgb=False),
    backbone=dict(type='rsn_mm.RSN', depth=50, num_stages=1),
    head=dict(type='rsn_mm.MultiStageRSNHead', num_stages=1),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))
