"""Checkpoints of the released MSPN code, the parent of the released RSN: bottlenecks for RSBs."""

from dataclasses import replace

from . import released_rsn

LAYOUT = replace(
    released_rsn.LAYOUT,
    source='mspn',
    title='the released MSPN',
    unit='bottleneck',
    fuse='',
    conv='conv_bn_relu{number}.{part}')
