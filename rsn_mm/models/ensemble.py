"""An ensemble: several estimators whose heatmaps are averaged."""

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS as MMPOSE_MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from rsn_mm.checkpoints.fitting import load_strictly
from rsn_mm.codecs import RSNHeatmap
from rsn_mm.configuration import find_config
from rsn_mm.errors import CheckpointError, EnsembleError, MissingFileError, OptionError
from rsn_mm.registry import MODELS

from .configs import model_config

MEMBER_KEYS = ('config', 'checkpoint', 'weight')
#: A batch from the loader: one tensor per image, or such a batch for each input size (W, H).
Inputs = Sequence[Tensor] | Tensor | Mapping[tuple[int, int], Sequence[Tensor] | Tensor]


@MODELS.register_module()
class Ensemble(BaseModel):
    """Estimators whose heatmaps are averaged with weights and decoded once.

    The papers' results of ensembles are computed in this way. Each member computes its heatmaps as
    it does alone: from an input of its own size, with its own normalization and flip test. They are
    then resized to those of the reference member (:func:`resize_heatmaps`), averaged, and decoded
    with the reference member's codec.

    The model of a member comes from its config file. Checkpoints are read by
    :meth:`load_checkpoints`, at the latest before the first prediction. Members with the same input
    size need the test pipeline of any one of them; members with several sizes need
    ``rsn_mm.PackInputSizes``.

    Args:
        members: One dict per member, with the paths ``config`` and ``checkpoint``, and optionally a
            ``weight`` above 0. Weights are relative to one another, 1 by default.
        reference: Index of the member whose heatmap size and codec are used; by default the first
            of the members with the largest heatmaps.
        test_cfg: ``dict(output_heatmaps=True)`` adds the averaged heatmaps to the predictions.

    Raises:
        EnsembleError: If a member is incomplete or is not a top-down estimator with the codec
            ``rsn_mm.RSNHeatmap``, or if members differ in joints, aspect ratio or stride.

    Example:
        >>> from mmengine.config import Config
        >>> codec = dict(type='rsn_mm.RSNHeatmap', input_size=(48, 64))
        >>> Config(dict(model=dict(
        ...     type='TopdownPoseEstimator',
        ...     data_preprocessor=dict(type='mmpose.PoseDataPreprocessor'),
        ...     backbone=dict(type='rsn_mm.RSN', depth=18),
        ...     head=dict(type='rsn_mm.MultiStageRSNHead', num_stages=1, out_channels=17,
        ...               decoder=codec)))).dump('rsn18.py')
        >>> ensemble = rsn_mm.models.Ensemble(members=[
        ...     dict(config='rsn18.py', checkpoint='first.pth', weight=3),
        ...     dict(config='rsn18.py', checkpoint='second.pth')])
        >>> ensemble.weights
        [0.75, 0.25]
    """

    def __init__(self, members: Sequence[dict], reference: int | None = None,
                 test_cfg: dict | None = None) -> None:
        super().__init__()
        if not isinstance(members, Sequence) or not members:
            raise EnsembleError(f'Ensemble: members={members!r}, expected one dict per member')
        for index, member in enumerate(members):
            _check_entry(index, member)
        self.names = [f'member {i} ({member["config"]})' for i, member in enumerate(members)]
        self.checkpoints = [member['checkpoint'] for member in members]
        weights = [float(member.get('weight', 1)) for member in members]
        self.weights = [weight / math.fsum(weights) for weight in weights]
        # torch does not know the type of the modules in a list.
        self.members: Any = nn.ModuleList(
            _build(name, member['config']) for name, member in zip(self.names, members))
        self._check_together()
        self.reference = self._find_reference(reference)
        self.test_cfg = dict(test_cfg or {})
        if not self.test_cfg.keys() <= {'output_heatmaps'}:
            raise EnsembleError(f'Ensemble: test_cfg={self.test_cfg}, expected output_heatmaps '
                                'alone; the flip test is set in the config of each member')
        self._is_loaded = False
        self.register_load_state_dict_post_hook(_note_loaded)

    @property
    def input_sizes(self) -> list[tuple[int, int]]:
        """The input sizes (W, H) of the members, each size once."""
        return list(dict.fromkeys(tuple(m.head.decoder.input_size) for m in self.members))

    def _find_reference(self, index: int | None) -> int:
        sizes = [math.prod(member.head.decoder.heatmap_size) for member in self.members]
        if index is None:
            return sizes.index(max(sizes))
        if index not in range(len(sizes)):
            raise EnsembleError(f'Ensemble: reference={index!r}, expected the index of a member, '
                                f'0 to {len(sizes) - 1}')
        return index

    def _check_together(self) -> None:
        """Check that the members predict the same joints from the same box."""
        first = self.members[0].head
        width, height = first.decoder.input_size
        for name, member in zip(self.names, self.members):
            head, codec = member.head, member.head.decoder
            for what, found, expected in (
                    ('joints', head.out_channels, first.out_channels),
                    ('input pixels per heatmap cell', codec.stride, first.decoder.stride)):
                if found != expected:
                    raise EnsembleError(f'Ensemble: {name} has {found:g} {what}, but '
                                        f'{self.names[0]} has {expected:g}')
            if codec.input_size[0] * height != codec.input_size[1] * width:
                raise EnsembleError(
                    f'Ensemble: {name} has input_size={codec.input_size}, but {self.names[0]} has '
                    f'{(width, height)}: the aspect ratios differ, so they do not see the same box')

    # -------------------------------------------------------------------------------- checkpoints

    def load_checkpoints(self) -> None:
        """Load the checkpoints of all members.

        Raises:
            EnsembleError: If a checkpoint is missing, cannot be read or does not fit its member.
        """
        for name, member, path in zip(self.names, self.members, self.checkpoints):
            try:
                load_strictly(member, path)
            except CheckpointError as error:
                raise EnsembleError(f'Ensemble: {name}: {error}') from error
        _note_loaded(self)

    def load_once(self) -> None:
        """Call :meth:`load_checkpoints`, unless the members already have their weights."""
        if not self._is_loaded:
            self.load_checkpoints()

    # --------------------------------------------------------------------------------- prediction

    def forward(self, inputs: Inputs, data_samples: list[PoseDataSample] | None = None,
                mode: str = 'tensor') -> list[PoseDataSample]:
        """Predict. An ensemble has no other mode than ``'predict'``."""
        if mode == 'loss':
            raise RuntimeError('Ensemble: an ensemble is not trained; train its members')
        if mode != 'predict':
            raise RuntimeError(f'Ensemble: mode={mode!r}, expected predict')
        return self.predict(inputs, data_samples or [])

    def predict(self, inputs: Inputs, data_samples: list[PoseDataSample]) -> list[PoseDataSample]:
        """Add ``pred_instances`` to the samples, as MMPose's top-down estimator does.

        Args:
            inputs: Images from the loader, (3, H, W) each, not normalized.
            data_samples: Samples of the images.
        """
        heatmaps = self.heatmaps(inputs, data_samples)
        reference = self.members[self.reference]
        fields = None
        if self.test_cfg.get('output_heatmaps', False):
            fields = [PixelData(heatmaps=maps) for maps in heatmaps]
        for sample in data_samples:  # they may describe the input of another member
            sample.set_metainfo(dict(input_size=reference.head.decoder.input_size))
        return reference.add_pred_to_datasample(
            reference.head.decode(heatmaps), fields, data_samples)

    def heatmaps(self, inputs: Inputs, data_samples: list[PoseDataSample]) -> Tensor:
        """Compute the averaged heatmaps (B, K, H, W), float32, in the reference member's size."""
        self.load_once()
        size_hw = self.members[self.reference].head.decoder.heatmap_size[::-1]
        weighted = []
        for member, weight in zip(self.members, self.weights):
            # The member's preprocessor copies the samples, so that all members get them unchanged.
            results = member.test_step(dict(
                inputs=self._inputs_of(member, inputs), data_samples=data_samples))
            maps = torch.stack([result.pred_fields.heatmaps for result in results]).float()
            weighted.append(weight * resize_heatmaps(maps, size_hw))
        return reduce(torch.add, weighted)

    def _inputs_of(self, member: TopdownPoseEstimator, inputs: Inputs) -> Sequence[Tensor] | Tensor:
        size_wh = member.head.decoder.input_size
        given = inputs if isinstance(inputs, Mapping) else {tuple(inputs[0].shape[:-3:-1]): inputs}
        if size_wh not in given:
            raise OptionError(
                f'Ensemble: a member has input_size={size_wh}, but the pipeline gives '
                f'{", ".join(map(str, given))}; members of several sizes need '
                'rsn_mm.PackInputSizes in place of TopdownAffine and PackPoseInputs')
        return given[size_wh]


def resize_heatmaps(heatmaps: Tensor, size_hw: Sequence[int]) -> Tensor:
    """Resize heatmaps so that each joint keeps its place in the box.

    A cell ``c`` lies at ``(c + 0.5) * stride`` input pixels. Inputs of different sizes show the
    same box, so a place in the box is the same fraction of every width: ``(c + 0.5) / W`` does not
    change. This is bilinear interpolation without aligned corners. Aligned corners would move
    joints near the border by up to ``0.5 / W - 0.5 / W'`` of the box.

    Args:
        heatmaps: (B, K, H, W).
        size_hw: Size (H, W) of the result.
    """
    if tuple(heatmaps.shape[-2:]) == tuple(size_hw):
        return heatmaps
    return F.interpolate(heatmaps, size=tuple(size_hw), mode='bilinear', align_corners=False)


def _note_loaded(ensemble: Ensemble, *_: object) -> None:
    ensemble._is_loaded = True


def _check_entry(index: int, member: object) -> None:
    name = f'Ensemble: member {index}'
    if not isinstance(member, Mapping):
        raise EnsembleError(f'{name} is {member!r}, expected a dict of {", ".join(MEMBER_KEYS)}')
    unknown = [key for key in member if key not in MEMBER_KEYS]
    if unknown:
        raise EnsembleError(f'{name} has {", ".join(map(repr, unknown))}, expected '
                            f'{", ".join(MEMBER_KEYS)}')
    for key in ('config', 'checkpoint'):
        if not isinstance(member.get(key), str):
            raise EnsembleError(f'{name} has {key}={member.get(key)!r}, expected a path')
    weight = member.get('weight', 1)
    if (isinstance(weight, bool) or not isinstance(weight, (int, float))
            or not 0 < weight < math.inf):
        raise EnsembleError(f'{name} has weight={weight!r}, expected a number above 0')


def _build(name: str, path: str) -> TopdownPoseEstimator:
    """Build the estimator of a member's config so that it returns its heatmaps too."""
    try:
        cfg = Config.fromfile(find_config(path))
    except MissingFileError as error:
        raise EnsembleError(f'Ensemble: the config of {name} does not exist') from error
    except Exception as error:
        raise EnsembleError(f'Ensemble: the config of {name} cannot be read: {error}') from error
    if not cfg.get('model'):
        raise EnsembleError(f'Ensemble: the config of {name} has no model')
    model_cfg = model_config(cfg)
    test_cfg = dict(model_cfg.get('test_cfg') or {})
    if test_cfg.get('output_keypoint_indices') is not None:
        raise EnsembleError(f'Ensemble: {name} has test_cfg.output_keypoint_indices; members must '
                            'predict all joints')
    model_cfg.test_cfg = {**test_cfg, 'output_heatmaps': True}
    member = MMPOSE_MODELS.build(model_cfg)
    if not isinstance(member, TopdownPoseEstimator) or not member.with_head:
        raise EnsembleError(f'Ensemble: {name} is a {type(member).__name__}, expected a '
                            'TopdownPoseEstimator with a head')
    if not isinstance(member.head.decoder, RSNHeatmap):
        raise EnsembleError(f'Ensemble: {name} has the codec {type(member.head.decoder).__name__}, '
                            'expected rsn_mm.RSNHeatmap')
    return member
