"""Foreign state dicts to ours, and ours to MMPose's."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from mmpose.datasets.datasets.utils import parse_pose_metainfo
from torch import Tensor

from rsn_mm.checkpoints.contents import meta_of, weights_of
from rsn_mm.errors import CheckpointError, listing
from rsn_mm.version import __version__

from . import mmpose, released_mspn, released_rsn
from .configs import DATASETS, nearest
from .layout import Layout
from .network import Network, Shape, describe
from .preprocessing import BGR, RGB, Preprocessing, preprocessing_of

LAYOUTS = (released_rsn.LAYOUT, released_mspn.LAYOUT, *mmpose.LAYOUTS)
SOURCES = ('rsn', 'mspn', 'mmpose')

BIAS = '.conv.bias'
MEAN = '.bn.running_mean'


def convert(state_dict: Mapping[str, Any], source: str = 'auto') -> tuple[dict[str, Tensor], dict]:
    """A state dict of the released RSN or MSPN, or of MMPose's, for ``rsn_mm``.

    Args:
        state_dict: It, or a checkpoint with it.
        source: ``'rsn'``, ``'mspn'``, ``'mmpose'`` or ``'auto'``.

    Returns:
        The state dict of an estimator of ``rsn_mm.RSN`` and ``rsn_mm.MultiStageRSNHead``, float32,
        and what was found: ``source``; ``config`` and ``cfg_options``, which load it strictly;
        ``network``, the options of backbone and head; ``dataset``, ``'coco'``, ``'mpii'`` or
        ``None``; ``data_preprocessor``, the images it expects; ``notes``.

    Raises:
        CheckpointError: If the format is not known or not ``source``, or any tensor is missing, too
            many, or of another shape. The message lists them.
    """
    meta = meta_of(state_dict) if isinstance(state_dict, Mapping) else {}
    weights, notes = weights_of(state_dict)
    layout = _layout_of(weights, source)
    if layout.source == 'mmpose':
        weights = mmpose.modernize(weights)
    network, layout = describe(_shapes(weights), layout)
    ours = _rename(weights, network, layout)

    preprocessing = BGR
    if layout.source == 'mmpose':
        preprocessing = preprocessing_of(meta) or RGB
    config, options = nearest(network, preprocessing)
    if network.prm is not None:
        notes.append(f'the Pose Refine Machine {layout.prm} is taken to refine the last heatmaps')
    if network.joints not in DATASETS:
        notes.append(f'no dataset with {network.joints} joints is configured here; the config '
                     'needs yours')
    info = dict(
        source=layout.source, config=config, cfg_options=options, network=asdict(network),
        dataset=DATASETS.get(network.joints), data_preprocessor=_plain(preprocessing), notes=notes)
    return ours, info


def convert_checkpoint(checkpoint: Mapping[str, Any], source: str = 'auto') -> tuple[dict, dict]:
    """A whole checkpoint, as :func:`convert` does its weights.

    Returns:
        An mmengine checkpoint (``state_dict`` and ``meta``), and the information.
    """
    state_dict, info = convert(checkpoint, source)
    meta = dict(
        source=info['source'], config=info['config'], cfg_options=info['cfg_options'],
        network=info['network'], data_preprocessor=info['data_preprocessor'],
        rsn_mm_version=__version__)
    dataset_meta = meta_of(checkpoint).get('dataset_meta')
    if dataset_meta is None and info['dataset'] is not None:
        dataset_meta = parse_pose_metainfo(
            dict(from_file=f'configs/_base_/datasets/{info["dataset"]}.py'))
    if dataset_meta is not None:
        meta['dataset_meta'] = dataset_meta
    return dict(state_dict=state_dict, meta=meta), info


def to_mmpose(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """A state dict of ours for MMPose's estimator of the same network.

    MMPose has ``RSN``, which is ``variant='released'``, and ``MSPN``, which is
    ``unit='bottleneck'``. The weights expect images in the order of colors they were trained with;
    MMPose's configs give RGB, ours BGR.

    Args:
        state_dict: It, or a checkpoint with it.

    Raises:
        CheckpointError: If MMPose has no such network.
    """
    return _to_mmpose(state_dict)[0]


def export_checkpoint(checkpoint: Mapping[str, Any]) -> tuple[dict, dict]:
    """A whole checkpoint, as :func:`to_mmpose` does its weights.

    Returns:
        A checkpoint of plain types, which needs nothing of ``rsn_mm`` to be loaded, and
        information: ``config`` of MMPose, or ``None``; ``cfg_options``; ``network``; ``notes``.
    """
    state_dict, network, notes = _to_mmpose(checkpoint)
    name = mmpose.CONFIGS.get((network.unit, network.depth, network.num_stages))
    standard = network.joints == 17 and network.num_branches == 4
    config = mmpose.CONFIG_PATH.format(name) if name and standard else None
    preprocessing = preprocessing_of(meta_of(checkpoint))
    options = []
    if preprocessing is not None:
        options = preprocessing.options(RGB)
    else:
        notes.append("the checkpoint does not tell the order of colors it was trained with; ours "
                     f"is BGR, MMPose's is RGB. For BGR: {' '.join(BGR.options(RGB))}")
    if config is None:
        notes.append('MMPose ships no config of this network')
    info = dict(config=config, cfg_options=options, network=asdict(network), notes=notes)
    meta = dict(source='rsn_mm', network=asdict(network), rsn_mm_version=__version__)
    if preprocessing is not None:
        meta['data_preprocessor'] = _plain(preprocessing)
    return dict(state_dict=state_dict, meta=meta), info


# ------------------------------------------------------------------------------------------ parts


def _layout_of(keys: Iterable[str], source: str) -> Layout:
    if source not in ('auto', *SOURCES):
        raise CheckpointError(f'source {source!r}, expected auto or one of {", ".join(SOURCES)}')
    examples = {}
    for layout in LAYOUTS:
        for key in keys:
            match = layout.unit_key.fullmatch(key)
            if match is not None and layout.is_of_this_unit(match[4]):
                examples[layout] = key
                break
    if len(examples) > 1:
        raise CheckpointError('keys of several formats are mixed: ' + ', '.join(
            f'{key} of {layout.title}' for layout, key in examples.items()))
    if not examples:
        if any(key.startswith('backbone.stages.') for key in keys):
            raise CheckpointError('this is a checkpoint of rsn_mm already')
        raise CheckpointError('not a checkpoint of the released RSN or MSPN or of MMPose 0.x or '
                              f"1.x's RSN or MSPN; its keys are {listing(keys)}")
    (layout, example), = examples.items()
    if source not in ('auto', layout.source):
        raise CheckpointError(f'source {source!r}, but the keys are those of {layout.title} '
                              f'({layout.source!r}): {example}')
    return layout


def _rename(weights: dict[str, Tensor], network: Network, layout: Layout) -> dict[str, Tensor]:
    """Foreign weights by our names, biases folded into the means of the norms behind them.

    ``(conv + bias) - mean == conv - (mean - bias)``: the network is the same.
    """
    expected = network.shapes()
    names = {key: layout.theirs(key) for key in expected}
    biases = {}
    if layout.conv_bias:
        biases = {key: layout.theirs(key.removesuffix(MEAN) + BIAS)
                  for key in expected if key.endswith(MEAN)}
    _check(weights, {**{name: expected[key] for key, name in names.items()},
                     **{name: expected[key] for key, name in biases.items()}}, network, layout)

    def take(name: str) -> Tensor:
        tensor = weights[name]
        return tensor.float() if tensor.is_floating_point() else tensor

    return {key: take(name) - take(biases[key]) if key in biases else take(name)
            for key, name in names.items()}


def _to_mmpose(checkpoint: Mapping[str, Any]) -> tuple[dict[str, Tensor], Network, list[str]]:
    weights, notes = weights_of(checkpoint)
    first_unit = 'backbone.stages.0.encoder.levels.0.0.'
    layers = {key.removeprefix(first_unit) for key in weights if key.startswith(first_unit)}
    if any(layer.startswith('branches.') for layer in layers):
        layout = mmpose.RSN
    elif 'convs.2.conv.weight' in layers:
        layout = mmpose.MSPN
    else:
        raise CheckpointError(
            "MMPose has networks of units 'rsb' (its RSN) and 'bottleneck' (its MSPN); the keys "
            f'here are {listing(weights)}')
    renamed = {layout.theirs(key): value for key, value in weights.items()}
    network, _ = describe(_shapes(renamed), layout)
    if network.unit == 'rsb' and (network.variant, network.branch_width) != ('released', 26):
        raise CheckpointError(
            "MMPose's RSN is variant='released' with branch_width=26; this checkpoint has "
            f'variant={network.variant!r}, branch_width={network.branch_width}')
    _check(renamed, {layout.theirs(key): shape for key, shape in network.shapes().items()},
           network, layout)
    return renamed, network, notes


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, Shape]:
    return {key: tuple(value.shape) for key, value in weights.items()}


def _check(weights: Mapping[str, Tensor], expected: Mapping[str, Shape], network: Network,
           layout: Layout) -> None:
    missing = [key for key in expected if key not in weights]
    unknown = [key for key in weights if key not in expected]
    misshapen = [f'{key} {tuple(weights[key].shape)}, expected {shape}'
                 for key, shape in expected.items()
                 if key in weights and tuple(weights[key].shape) != shape]
    problems = [f'{len(names)} {kind}: {listing(names)}' for kind, names in (
        ('missing', missing), ('unknown', unknown), ('of another shape', misshapen)) if names]
    if problems:
        raise CheckpointError(
            f'{layout.title}, depth {network.depth}, {network.num_stages} stages, '
            f'{network.joints} joints, has {len(expected)} tensors, and this checkpoint does not '
            f'fit: {"; ".join(problems)}')


def _plain(preprocessing: Preprocessing) -> dict:
    return {name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(preprocessing).items()}
