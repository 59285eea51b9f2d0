"""Checkpoints of MMPose's RSN and MSPN, whole estimators of ``MSPNHead``.

MMPose 1.x, and 0.x: MMPose's own estimator renames ``keypoint_head`` when it loads an older state
dict and nothing else (``BasePoseEstimator._load_state_dict_pre_hook``), and its model zoo lists
checkpoints of both for the same configs.
"""

from dataclasses import replace

from torch import Tensor

from rsn_mm.errors import CheckpointError, listing

from .layout import Layout

RSN = Layout(
    source='mmpose',
    title="MMPose's RSN",
    unit='rsb',
    stem='backbone.top.top.0',
    stage='backbone.multi_stage_rsn.{}',
    fuse='conv_bn3',
    lateral='in_skip',
    encoder_skip='out_skip1',
    decoder_skip='out_skip2',
    feature='head.predict_layers.{index}.conv_layers.0',
    heatmap='head.predict_layers.{index}.conv_layers.1')

MSPN = replace(
    RSN,
    title="MMPose's MSPN",
    unit='bottleneck',
    stage='backbone.multi_stage_mspn.{}',
    fuse='',
    conv='{part}{number}')

LAYOUTS = (RSN, MSPN)

#: What MMPose's preprocessor leaves in some state dicts; the configs say it too.
NO_WEIGHTS = ('data_preprocessor.mean', 'data_preprocessor.std')
OLD_HEAD = 'keypoint_head.'

#: Configs that MMPose ships: units, depth and stages of the network (COCO, 256x192).
CONFIGS = {
    **{('rsb', depth, stages): f'{"" if stages == 1 else f"{stages}x"}rsn{depth}'
       for depth, stages in ((18, 1), (50, 1), (50, 2), (50, 3))},
    **{('bottleneck', 50, stages): f'{"" if stages == 1 else f"{stages}x"}mspn50'
       for stages in (1, 2, 3, 4)},
}
CONFIG_PATH = 'configs/body_2d_keypoint/topdown_heatmap/coco/td-hm_{}_8xb32-210e_coco-256x192.py'


def modernize(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict in the names of MMPose 1.x, weights only.

    Raises:
        CheckpointError: If names of 0.x and 1.x are mixed, or a Pose Refine Machine is there, which
            in MMPose is another network than the paper's and the released one.
    """
    old = [key for key in state_dict if key.startswith(OLD_HEAD)]
    new = [key for key in state_dict if key.startswith('head.')]
    if old and new:
        raise CheckpointError(f'keys of MMPose 0.x ({listing(old[:1])}) and 1.x '
                              f'({listing(new[:1])}) are mixed')
    prm = [key for key in state_dict if '.prm.' in key]
    if prm:
        raise CheckpointError(
            "MMPose's Pose Refine Machine (use_prm=True) is another network than "
            f'rsn_mm.PoseRefineMachine and cannot be converted; found {listing(prm)}')
    return {f'head.{key.removeprefix(OLD_HEAD)}' if key.startswith(OLD_HEAD) else key: value
            for key, value in state_dict.items() if key not in NO_WEIGHTS}
