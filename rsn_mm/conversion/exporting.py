"""Our checkpoints to MMPose's."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from rsn_mm.checkpoints.contents import meta_of, weights_of
from rsn_mm.checkpoints.fitting import check_shapes, shapes_of
from rsn_mm.errors import CheckpointError, listing
from rsn_mm.version import __version__

from .formats import MMPOSE_MSPN, MMPOSE_RSN
from .layout import Layout
from .network import COCO_JOINTS, Network, infer_network
from .preprocessing import BGR, RGB, preprocessing_of

#: Options of the networks that MMPose has, by the kind of unit.
MMPOSE_NETWORKS: dict[str, dict[str, object]] = {
    'rsb': dict(variant='released', branch_width=26),
    'bottleneck': dict(expansion=4),
}

#: Configs that MMPose ships, by the unit, depth and number of stages (COCO, 256x192).
CONFIGS = {
    **{('rsb', depth, stages): f'{"" if stages == 1 else f"{stages}x"}rsn{depth}'
       for depth, stages in ((18, 1), (50, 1), (50, 2), (50, 3))},
    **{('bottleneck', 50, stages): f'{"" if stages == 1 else f"{stages}x"}mspn50'
       for stages in (1, 2, 3, 4)},
}
CONFIG_PATH = 'configs/body_2d_keypoint/topdown_heatmap/coco/td-hm_{}_8xb32-210e_coco-256x192.py'


def to_mmpose(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Convert a state dict of ours to MMPose's estimator of the same network.

    MMPose has two of our networks: its ``RSN`` is our ``variant='released'``, and its ``MSPN`` our
    ``unit='bottleneck'``. The weights still expect images in the order of colors that they were
    trained with; MMPose's configs give RGB, and ours BGR.

    Args:
        state_dict: A state dict, or a checkpoint that contains one.

    Raises:
        CheckpointError: If MMPose does not have the network.

    Example:
        >>> import torch
        >>> from rsn_mm.checkpoints import to_mmpose
        >>> from rsn_mm.models import RSN, MultiStageRSNHead
        >>> model = torch.nn.ModuleDict(dict(
        ...     backbone=RSN(depth=50, unit='bottleneck'),
        ...     head=MultiStageRSNHead(num_stages=1, out_channels=17, heatmap_size=(48, 64))))
        >>> next(iter(to_mmpose(model.state_dict())))
        'backbone.top.top.0.conv.weight'
    """
    return _export(state_dict)[0]


def export_checkpoint(checkpoint: Mapping[str, Any]) -> tuple[dict, dict]:
    """Convert a whole checkpoint as :func:`to_mmpose` does its weights.

    Returns:
        A checkpoint of plain types, which can be loaded without ``rsn_mm``, and a dict:
        ``source``, which is ``'rsn_mm'``; ``config`` of MMPose, or ``None``; ``cfg_options``, the
        changes to the config; ``network``; ``notes`` for the user.
    """
    state_dict, network, notes = _export(checkpoint)
    config = None
    if network.joints == COCO_JOINTS and network.num_branches == 4:
        name = CONFIGS.get((network.unit, network.depth, network.num_stages))
        config = name and CONFIG_PATH.format(name)
    images = preprocessing_of(meta_of(checkpoint))
    meta = dict(source='rsn_mm', network=network.as_dict(), rsn_mm_version=__version__)
    options = []
    if images is not None:
        options = images.changes_from(RGB)
        meta['data_preprocessor'] = images.as_dict()
    else:
        notes.append('the checkpoint does not tell the order of colors it was trained with; our '
                     "configs give BGR, MMPose's RGB. If it was BGR, change these entries of the "
                     f'config: {" ".join(BGR.changes_from(RGB))}')
    if config is None:
        notes.append('MMPose ships no config of this network')
    info = dict(source='rsn_mm', config=config, cfg_options=options, network=network.as_dict(),
                notes=notes)
    return dict(state_dict=state_dict, meta=meta), info


def _export(checkpoint: Mapping[str, Any]) -> tuple[dict[str, Tensor], Network, list[str]]:
    """MMPose's state dict, the network, and notes for the user."""
    weights, notes = weights_of(checkpoint)
    layout = _layout_for(weights)
    renamed = {layout.foreign_name(name): value for name, value in weights.items()}
    network = infer_network(shapes_of(renamed), layout)
    expected = MMPOSE_NETWORKS[network.unit]
    found = {name: getattr(network, name) for name in expected}
    if found != expected:
        raise CheckpointError(f'{layout.title} is a network with {_options(expected)}; this '
                              f'checkpoint has {_options(found)}')
    check_shapes(renamed, layout.shapes(network.shapes()),
                 f'the checkpoint does not fit {layout.title} of depth {network.depth}')
    return renamed, network, notes


def _layout_for(weights: Mapping[str, Tensor]) -> Layout:
    """MMPose's layout for the residual units of our state dict."""
    first_unit = 'backbone.stages.0.encoder.levels.0.0.'
    layers = {name.removeprefix(first_unit) for name in weights if name.startswith(first_unit)}
    if any(layer.startswith('branches.') for layer in layers):
        return MMPOSE_RSN
    if 'convs.2.conv.weight' in layers:
        return MMPOSE_MSPN
    raise CheckpointError("MMPose has networks of units 'rsb' (its RSN) and 'bottleneck' (its "
                          f'MSPN); the names here are {listing(weights)}')


def _options(values: Mapping[str, object]) -> str:
    return ', '.join(f'{name}={value!r}' for name, value in values.items())
