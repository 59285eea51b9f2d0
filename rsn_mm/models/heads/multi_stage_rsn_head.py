"""Heatmaps of every unit of every stage, and the training and testing on them."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmengine.structures import PixelData
from mmpose.models.heads.base_head import BaseHead
from mmpose.models.utils.tta import flip_heatmaps
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from rsn_mm.errors import OptionError
from rsn_mm.registry import KEYPOINT_CODECS, MODELS

from ..decoder import resize
from ..layers import BN, conv_norm
from ..losses import CoarseToFineLoss
from .accuracy import pck_accuracy
from .attention import build_attention

Features = Sequence[Sequence[Tensor]]

PRM_POSITIONS = ('feature', 'heatmap')


class HeatmapPredictor(BaseModule):
    """1x1 and 3x3 convolution of one unit's feature, resized to the heatmap.

    Args:
        in_channels: Channels of the feature.
        out_channels: Number of joints.
        heatmap_size: (W, H).
        prm: Config of a PRM or of what stands for it; with ``position='feature'`` it is in place of
            the 1x1 convolution, with ``'heatmap'`` it refines the heatmaps.
    """

    def __init__(self, in_channels: int, out_channels: int, heatmap_size: Sequence[int],
                 norm_cfg: dict, prm: dict | None = None) -> None:
        super().__init__()
        prm = dict(prm or {})
        position = prm.pop('position', None)
        prm.setdefault('norm_cfg', norm_cfg)
        self.size_hw = tuple(heatmap_size)[::-1]
        self.feature = (
            build_attention(in_channels, **prm) if position == 'feature'
            else conv_norm(in_channels, in_channels, norm_cfg=norm_cfg))
        self.heatmap = conv_norm(in_channels, out_channels, 3, norm_cfg=norm_cfg, relu=False)
        self.refine = (
            build_attention(out_channels, **prm) if position == 'heatmap' else nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        return self.refine(resize(self.heatmap(self.feature(x)), self.size_hw))


@MODELS.register_module()
class MultiStageRSNHead(BaseHead):
    """The head of RSN and MSPN: a heatmap predictor behind every unit of every stage.

    Takes what ``rsn_mm.RSN`` (mode ``stages``) and MMPose's ``RSN`` and ``MSPN`` give. Training
    wants the codec ``rsn_mm.RSNHeatmap`` as ``decoder``: the targets are drawn with it on the
    model's device from the joint positions that it encoded in the loader.

    Args:
        num_stages: Stages of the backbone.
        out_channels: Number of joints K.
        heatmap_size: (W, H); by default that of the codec.
        num_units: Units of a stage.
        unit_channels: Channels of the backbone's outputs.
        prm: Pose Refine Machine on the last unit of the last stage: ``dict(position='feature')``
            (the paper's cost) or ``'heatmap'`` (the released class). ``type`` puts another
            attention in its place, ``'SE'``, ``'CBAM'`` or any registered module that takes
            ``channels`` and ``norm_cfg``. Other entries are arguments of that module.
        norm_cfg: Normalization of every layer.
        loss: Config of the loss; ``num_stages`` is filled in.
        decoder: Config of the codec.
        init_cfg: Initialization; by default torch's own, as in the released code.

    Raises:
        OptionError: If options contradict each other, or features or labels do not fit them.
    """

    def __init__(self, num_stages: int, out_channels: int,
                 heatmap_size: Sequence[int] | None = None, num_units: int = 4,
                 unit_channels: int = 256, prm: dict | None = None, norm_cfg: dict = BN,
                 loss: dict | None = None, decoder: dict | None = None,
                 init_cfg: dict | list | None = None) -> None:
        super().__init__(init_cfg)
        self.decoder = KEYPOINT_CODECS.build(decoder) if decoder is not None else None
        if heatmap_size is None:
            if self.decoder is None:
                raise OptionError('MultiStageRSNHead: neither heatmap_size nor decoder is given')
            heatmap_size = self.decoder.heatmap_size
        self._check_options(num_stages, num_units, heatmap_size, prm)
        self.num_stages = num_stages
        self.num_units = num_units
        self.out_channels = out_channels
        self.unit_channels = unit_channels

        loss = {'type': CoarseToFineLoss, 'num_stages': num_stages, **(loss or {})}
        if loss['num_stages'] != num_stages:
            raise OptionError(f'MultiStageRSNHead: num_stages={num_stages}, but its loss has '
                              f'num_stages={loss["num_stages"]}')
        self.loss_module = MODELS.build(loss)
        topk = getattr(self.loss_module, 'topk', 0)
        if topk > out_channels:
            raise OptionError(f'MultiStageRSNHead: its loss takes the topk={topk} worst joints of '
                              f'out_channels={out_channels}; set loss=dict(topk={out_channels})')

        self.predictors = nn.ModuleList(
            nn.ModuleList(
                HeatmapPredictor(
                    unit_channels, out_channels, heatmap_size, norm_cfg,
                    prm if (s, u) == (num_stages - 1, num_units - 1) else None)
                for u in range(num_units))
            for s in range(num_stages))

    def _check_options(self, num_stages: int, num_units: int, heatmap_size: Sequence[int],
                       prm: dict | None) -> None:
        for name, value in (('num_stages', num_stages), ('num_units', num_units)):
            if value < 1:
                raise OptionError(f'MultiStageRSNHead: {name}={value}, expected 1 or more')
        if prm is not None and prm.get('position') not in PRM_POSITIONS:
            raise OptionError(f'MultiStageRSNHead: prm position {prm.get("position")!r}, expected '
                              f'one of {PRM_POSITIONS}')
        if self.decoder is None:
            return
        if tuple(self.decoder.heatmap_size) != tuple(heatmap_size):
            raise OptionError(f'MultiStageRSNHead: heatmap_size={tuple(heatmap_size)}, but its '
                              f'codec has {tuple(self.decoder.heatmap_size)}')
        levels = getattr(self.decoder, 'num_levels', None)
        if levels is not None and levels != num_units + 1:
            raise OptionError(f'MultiStageRSNHead: the codec has {levels} kernel_sizes, expected '
                              f'{num_units + 1}, one more than num_units')

    def forward(self, feats: Features) -> list[list[Tensor]]:
        """All heatmaps, ``[stage][unit]``, units coarse to fine, (B, K, H, W)."""
        self._check_features(feats)
        return [[predictor(x) for predictor, x in zip(predictors, units)]
                for predictors, units in zip(self.predictors, feats)]

    def forward_last(self, feats: Features) -> Tensor:
        """The heatmaps that count, those of the last unit of the last stage, (B, K, H, W)."""
        self._check_features(feats)
        return self.predictors[-1][-1](feats[-1][-1])

    def _check_features(self, feats: Features) -> None:
        shape = [len(units) for units in feats] if isinstance(feats, Sequence) else None
        if shape != [self.num_units] * self.num_stages:
            raise OptionError(
                f'MultiStageRSNHead: features of {len(shape or ())} stages with {shape} units, '
                f'expected num_stages={self.num_stages} with num_units={self.num_units}: backbone '
                'and head must have the same num_stages')
        channels = feats[-1][-1].shape[1]
        if channels != self.unit_channels:
            raise OptionError(f'MultiStageRSNHead: features of {channels} channels, expected '
                              f'unit_channels={self.unit_channels}')

    def predict(self, feats: Features | Sequence[Features],
                batch_data_samples: list[PoseDataSample],
                test_cfg: dict | None = None) -> list | tuple[list, list]:
        """Keypoints from the last heatmaps.

        Args:
            feats: Features; with ``flip_test`` a pair, those of the images and of their mirrors.
            batch_data_samples: For ``flip_indices``.
            test_cfg: ``flip_test``, ``flip_mode``, ``shift_heatmap`` and ``output_heatmaps`` as in
                MMPose's heatmap heads.

        Returns:
            Per image an ``InstanceData`` with ``keypoints`` (1, K, 2) in input pixels and
            ``keypoint_scores`` (1, K); with ``output_heatmaps`` also the heatmaps as ``PixelData``.
        """
        test_cfg = test_cfg or {}
        if not test_cfg.get('flip_test', False):
            return self.predict_heatmaps(self.forward_last(feats), None, batch_data_samples,
                                         test_cfg)
        direct, mirrored = (self.forward_last(f) for f in feats)
        return self.predict_heatmaps(direct, mirrored, batch_data_samples, test_cfg)

    def predict_heatmaps(self, heatmaps: Tensor, mirrored: Tensor | None,
                         batch_data_samples: list[PoseDataSample],
                         test_cfg: dict) -> list | tuple[list, list]:
        """As :meth:`predict`, from the heatmaps of the images and, in the flip test, the mirrors'.

        Args:
            heatmaps: (B, K, H, W).
            mirrored: (B, K, H, W) as the network gave them, left and right exchanged; or ``None``.
        """
        if mirrored is not None:
            heatmaps = (heatmaps + flip_heatmaps(
                mirrored, flip_mode=test_cfg.get('flip_mode', 'heatmap'),
                flip_indices=batch_data_samples[0].metainfo['flip_indices'],
                shift_heatmap=test_cfg.get('shift_heatmap', False))) * 0.5
        instances = self.decode(heatmaps)
        if test_cfg.get('output_heatmaps', False):
            return instances, [PixelData(heatmaps=maps) for maps in heatmaps.detach()]
        return instances

    def loss(self, feats: Features, batch_data_samples: list[PoseDataSample],
             train_cfg: dict | None = None) -> dict[str, Tensor]:
        """Losses and accuracy of a batch.

        Returns:
            ``loss_kpt``, the total, which is what is minimized; its terms per stage and unit, for
            the log; ``acc_pose``, the share of joints within 5% of the map.
        """
        outputs = self.forward(feats)
        cells, flags = self._labels(batch_data_samples, outputs[-1][-1].device)
        targets = self.decoder.render_cells(cells, flags)
        terms = self.loss_module.terms(outputs, targets, flags)
        return {
            'loss_kpt': torch.stack(list(terms.values())).sum(),
            **{name: term.detach() for name, term in terms.items()},
            'acc_pose': pck_accuracy(outputs[-1][-1].detach(), targets[:, -1], flags > 0),
        }

    def _labels(self, samples: list[PoseDataSample],
                device: torch.device) -> tuple[Tensor, Tensor]:
        labels = [sample.gt_instance_labels for sample in samples]
        if self.decoder is None or 'keypoint_cells' not in labels[0]:
            raise OptionError(
                f'MultiStageRSNHead: its codec is {type(self.decoder).__name__} and the samples '
                f'carry {sorted(labels[0].keys())}; training needs the codec rsn_mm.RSNHeatmap '
                "with targets='joints', the same in GenerateTarget and as the head's decoder")
        cells = torch.cat([label.keypoint_cells for label in labels])
        flags = torch.cat([label.keypoint_flags for label in labels])
        if cells.shape[1] != self.out_channels:
            raise OptionError(f'MultiStageRSNHead: samples with {cells.shape[1]} joints, expected '
                              f'out_channels={self.out_channels}')
        return cells.to(device, non_blocking=True), flags.to(device, non_blocking=True)
