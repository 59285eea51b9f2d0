"""Checkpoints of the released RSN and MSPN code and of MMPose to ours."""

from collections.abc import Mapping
from typing import Any

from mmpose.datasets.datasets.utils import parse_pose_metainfo
from torch import Tensor

from rsn_mm.checkpoints.contents import meta_of, weights_of
from rsn_mm.checkpoints.fitting import Shape, check_shapes, shapes_of
from rsn_mm.version import __version__

from .configs import DATASETS, nearest_config
from .formats import recognize
from .layout import MEAN, Layout
from .network import infer_network
from .preprocessing import preprocessing_of


def convert(state_dict: Mapping[str, Any], source: str = 'auto') -> tuple[dict[str, Tensor], dict]:
    """Convert a state dict of the released RSN or MSPN, or of MMPose's, to ``rsn_mm``.

    Args:
        state_dict: A state dict, or a checkpoint that contains one.
        source: ``'rsn'``, ``'mspn'``, ``'mmpose'`` or ``'auto'``.

    Returns:
        The state dict of an estimator of ``rsn_mm.RSN`` and ``rsn_mm.MultiStageRSNHead``, float32,
        and a dict of what was found: ``source``; ``config`` and ``cfg_options``, the config and its
        changes that load the state dict strictly; ``network``, the options of backbone and head;
        ``dataset``, ``'coco'``, ``'mpii'`` or ``None``; ``data_preprocessor``, the images that the
        network expects; ``notes`` for the user.

    Raises:
        CheckpointError: If the format is unknown or not ``source``, or any tensor is missing,
            unknown, or of another shape. The message names the tensors.

    Example:
        >>> import torch
        >>> from rsn_mm.checkpoints import convert, to_mmpose
        >>> from rsn_mm.models import RSN, MultiStageRSNHead
        >>> model = torch.nn.ModuleDict(dict(
        ...     backbone=RSN(depth=18, variant='released'),
        ...     head=MultiStageRSNHead(num_stages=1, out_channels=17, heatmap_size=(48, 64))))
        >>> theirs = to_mmpose(model.state_dict())  # or checkpoints.read('theirs.pth')
        >>> ours, info = convert(theirs)
        >>> info['source'], info['config']
        ('mmpose', 'configs/rsn/rsn18-mmpose_coco-256x192.py')
        >>> model.load_state_dict(ours)
        <All keys matched successfully>
    """
    weights, notes = weights_of(state_dict)
    layout = recognize(weights, source)
    weights = layout.prepare(weights)
    network = infer_network(shapes_of(weights), layout)
    expected = network.shapes()
    check_shapes(weights, layout.shapes(expected), (
        f'the checkpoint does not fit {layout.title} of depth {network.depth} with '
        f'{network.num_stages} stages and {network.joints} joints'))
    converted = _rename(weights, expected, layout)

    images = preprocessing_of(meta_of(state_dict)) or layout.images
    config, options = nearest_config(network, images)
    if network.prm is not None:
        notes.append(f'the Pose Refine Machine {layout.prm} is taken to refine the last heatmaps')
    if network.joints not in DATASETS:
        notes.append(f'no dataset with {network.joints} joints is configured here; replace the one '
                     'in the config with yours')
    return converted, dict(
        source=layout.sources[0] if source == 'auto' else source, config=config,
        cfg_options=options, network=network.as_dict(), dataset=DATASETS.get(network.joints),
        data_preprocessor=images.as_dict(), notes=notes)


def _rename(weights: Mapping[str, Tensor], expected: Mapping[str, Shape],
            layout: Layout) -> dict[str, Tensor]:
    """Foreign weights by our names, with biases folded into the means of the norms behind them.

    The network stays the same: ``(conv + bias) - mean == conv - (mean - bias)``.
    """
    def take(name: str) -> Tensor:
        tensor = weights[name]
        return tensor.float() if tensor.is_floating_point() else tensor

    renamed = {name: take(layout.foreign_name(name)) for name in expected}
    if layout.conv_bias:
        for name in expected:
            if name.endswith(MEAN):
                renamed[name] = renamed[name] - take(layout.foreign_bias(name))
    return renamed


def convert_checkpoint(checkpoint: Mapping[str, Any], source: str = 'auto') -> tuple[dict, dict]:
    """Convert a whole checkpoint as :func:`convert` does its weights.

    Returns:
        An mmengine checkpoint (``state_dict`` and ``meta``), and the dict of what was found.
    """
    state_dict, info = convert(checkpoint, source)
    meta = {name: info[name] for name in (
        'source', 'config', 'cfg_options', 'network', 'data_preprocessor')}
    meta['rsn_mm_version'] = __version__
    dataset_meta = meta_of(checkpoint).get('dataset_meta')
    if dataset_meta is None and info['dataset'] is not None:
        dataset_meta = parse_pose_metainfo(
            dict(from_file=f'configs/_base_/datasets/{info["dataset"]}.py'))
    if dataset_meta is not None:
        meta['dataset_meta'] = dataset_meta
    return dict(state_dict=state_dict, meta=meta), info
