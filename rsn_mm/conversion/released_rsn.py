"""Checkpoints of the released RSN code: ``{'model': state_dict, ...}``.

Convolutions have a bias although a batch norm follows. The heads are inside the decoder units. The
released network has no Pose Refine Machine, only a class of it; where somebody put one to use, as
the author advises at the output's end, it is found by the names of its layers.
"""

from .layout import Layout

LAYOUT = Layout(
    source='rsn',
    title='the released RSN',
    unit='rsb',
    stem='top.conv',
    stage='stage{}',
    fuse='conv_bn_relu3',
    lateral='u_skip',
    encoder_skip='skip1',
    decoder_skip='skip2',
    feature='stage{stage}.upsample.up{up}.res_conv1',
    heatmap='stage{stage}.upsample.up{up}.res_conv2',
    conv_bias=True)
