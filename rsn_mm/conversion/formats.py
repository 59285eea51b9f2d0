"""The foreign formats, and which of them a state dict has."""

from collections.abc import Collection
from dataclasses import replace

from torch import Tensor

from rsn_mm.errors import CheckpointError, listing

from .layout import PRM_LAYERS, Layout
from .preprocessing import RGB

# --------------------------------------------------------------------------------- released code

#: Checkpoints of the released RSN: ``{'model': state_dict, ...}``. Convolutions have a bias,
#: although a batch norm follows. The heads are inside the decoder units.
RELEASED_RSN = Layout(
    sources=('rsn', ),
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

#: Checkpoints of the released MSPN, from which the released RSN descends. The repository of RSN has
#: a network of bottlenecks too, its baseline Res18, with exactly these names.
RELEASED_MSPN = replace(
    RELEASED_RSN,
    sources=('mspn', 'rsn'),
    title='the released MSPN or Res18',
    unit='bottleneck',
    fuse='',
    conv='conv_bn_relu{number}.{part}')

# ---------------------------------------------------------------------------------------- MMPose

#: Statistics of images, which some versions of MMPose's preprocessor store in the state dict.
NO_WEIGHTS = ('data_preprocessor.mean', 'data_preprocessor.std')
OLD_HEAD = 'keypoint_head.'


def modernize(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Bring a state dict of MMPose 0.x or 1.x to the names of 1.x, without entries for images.

    The versions differ in the name of the head alone; MMPose's own estimator renames it when it
    loads an older state dict.

    Raises:
        CheckpointError: If names of 0.x and 1.x are mixed, or there is a Pose Refine Machine, which
            in MMPose is another network than the paper's and the released one.
    """
    old = [name for name in state_dict if name.startswith(OLD_HEAD)]
    new = [name for name in state_dict if name.startswith('head.')]
    if old and new:
        raise CheckpointError(f'names of MMPose 0.x ({old[0]}) and 1.x ({new[0]}) are mixed')
    prm = [name for name in state_dict if '.prm.' in name]
    if prm:
        raise CheckpointError(
            "MMPose's Pose Refine Machine (use_prm=True) is another network than "
            f'rsn_mm.PoseRefineMachine and cannot be converted; found {listing(prm)}')
    return {f'head.{name.removeprefix(OLD_HEAD)}' if name.startswith(OLD_HEAD) else name: value
            for name, value in state_dict.items() if name not in NO_WEIGHTS}


#: Checkpoints of MMPose's estimators with ``RSN`` and ``MSPNHead``.
MMPOSE_RSN = Layout(
    sources=('mmpose', ),
    title="MMPose's RSN",
    unit='rsb',
    stem='backbone.top.top.0',
    stage='backbone.multi_stage_rsn.{}',
    fuse='conv_bn3',
    lateral='in_skip',
    encoder_skip='out_skip1',
    decoder_skip='out_skip2',
    feature='head.predict_layers.{index}.conv_layers.0',
    heatmap='head.predict_layers.{index}.conv_layers.1',
    images=RGB,
    prepare=modernize)

#: Checkpoints of MMPose's estimators with ``MSPN`` and ``MSPNHead``.
MMPOSE_MSPN = replace(
    MMPOSE_RSN,
    title="MMPose's MSPN",
    unit='bottleneck',
    stage='backbone.multi_stage_mspn.{}',
    fuse='',
    conv='{part}{number}')

# ----------------------------------------------------------------------------------- recognition

LAYOUTS = (RELEASED_RSN, RELEASED_MSPN, MMPOSE_RSN, MMPOSE_MSPN)
#: Formats by the names that a user may give.
SOURCES = ('rsn', 'mspn', 'mmpose')


def recognize(names: Collection[str], source: str = 'auto') -> Layout:
    """Find the layout of a state dict from the names of its tensors.

    Args:
        names: Names of all tensors in the state dict.
        source: One of :data:`SOURCES`, which the layout then has to be of, or ``'auto'``.

    Returns:
        The layout, with the place of a Pose Refine Machine if there is one.

    Raises:
        CheckpointError: If no layout or several match, or the one that does is not of ``source``.
    """
    if source not in ('auto', *SOURCES):
        raise CheckpointError(f'source {source!r}, expected auto or one of {", ".join(SOURCES)}')
    examples = {layout: next((name for name in names if layout.has_unit(name)), None)
                for layout in LAYOUTS}
    matching = {layout: name for layout, name in examples.items() if name is not None}
    if len(matching) > 1:
        raise CheckpointError('names of several formats are mixed: ' + ', '.join(
            f'{name} of {layout.title}' for layout, name in matching.items()))
    if not matching:
        if any(name.startswith('backbone.stages.') for name in names):
            raise CheckpointError('this is a checkpoint of rsn_mm already')
        raise CheckpointError('not a checkpoint of an RSN or MSPN of the released code or of '
                              f'MMPose; its names are {listing(names)}')
    (layout, example), = matching.items()
    if source not in ('auto', *layout.sources):
        raise CheckpointError(f'source {source!r}, but the names are those of {layout.title} '
                              f'({layout.sources[0]!r}): {example}')
    return replace(layout, prm=_find_prm(names))


def _find_prm(names: Collection[str]) -> str | None:
    """Where the released class of a Pose Refine Machine is used, found from its layers' names.

    No released network uses the class; its author advises to put it behind the last heatmaps.
    """
    ending = f'.{PRM_LAYERS["conv"]}.conv.weight'
    return min((name.removesuffix(ending) for name in names if name.endswith(ending)),
               default=None)
