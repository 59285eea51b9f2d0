"""The head: heatmaps of every unit of every stage, their loss, and the keypoints in them."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.structures import PixelData
from mmpose.models.heads.base_head import BaseHead
from mmpose.models.utils.tta import flip_heatmaps
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from rsn_mm.errors import OptionError, require_at_least
from rsn_mm.registry import KEYPOINT_CODECS, MODELS

from ..layers import BN
from ..losses import CoarseToFineLoss
from .accuracy import pck_accuracy
from .heatmap_predictor import HeatmapPredictor

Features = Sequence[Sequence[Tensor]]


@MODELS.register_module()
class MultiStageRSNHead(BaseHead):
    """The head of RSN and MSPN: a heatmap predictor for every unit of every stage.

    It works with ``rsn_mm.RSN`` (mode ``stages``) and with MMPose's ``RSN`` and ``MSPN``. Training
    needs the codec ``rsn_mm.RSNHeatmap`` as ``decoder``. The codec encodes joint positions in the
    data loader, and with it the head draws the targets on the model's device.

    Args:
        num_stages: Number of stages of the backbone.
        out_channels: Number of joints K.
        heatmap_size: (W, H); by default the size of the codec's heatmaps.
        num_units: Number of units per stage.
        unit_channels: Channels of the backbone's outputs.
        supervised_units: How many units of each stage have a predictor and a loss, counted from the
            finest one; by default all. Units are numbered from the first of them in the names of
            the loss's terms.
        prm: Pose Refine Machine on the last unit of the last stage: ``dict(position='feature')``
            (it has the paper's cost) or ``dict(position='heatmap')`` (the released class). With
            ``type`` another attention takes its place: ``'SE'``, ``'CBAM'`` or any registered
            module with the arguments ``channels`` and ``norm_cfg``. All other entries are arguments
            of that module.
        norm_cfg: Normalization of every layer; ``None`` for none.
        loss: Config of the loss; the head adds ``num_stages``.
        decoder: Config of the codec.
        init_cfg: Initialization; by default torch's own, as in the released code.

    Raises:
        OptionError: If options contradict each other, or features or labels do not fit them.

    Example:
        >>> backbone = rsn_mm.models.RSN(depth=18)
        >>> head = rsn_mm.models.MultiStageRSNHead(num_stages=1, out_channels=17, decoder=dict(
        ...     type='rsn_mm.RSNHeatmap', input_size=(48, 64)))
        >>> features = backbone(torch.zeros(2, 3, 64, 48))
        >>> heatmaps = head(features)  # of each stage and unit
        >>> len(heatmaps), len(heatmaps[0]), tuple(heatmaps[0][-1].shape)
        (1, 4, (2, 17, 16, 12))
        >>> head.eval().predict(features, [None, None])[0].keypoints.shape
        (1, 17, 2)
    """

    def __init__(self, num_stages: int, out_channels: int,
                 heatmap_size: Sequence[int] | None = None, num_units: int = 4,
                 unit_channels: int = 256, supervised_units: int | None = None,
                 prm: dict | None = None, norm_cfg: dict | None = BN, loss: dict | None = None,
                 decoder: dict | None = None, init_cfg: dict | list | None = None) -> None:
        super().__init__(init_cfg)
        self.decoder: Any = KEYPOINT_CODECS.build(decoder) if decoder is not None else None
        if heatmap_size is None:
            if self.decoder is None:
                raise OptionError('MultiStageRSNHead: neither heatmap_size nor decoder is given')
            heatmap_size = self.decoder.heatmap_size
        if supervised_units is None:
            supervised_units = num_units
        require_at_least('MultiStageRSNHead', 1, num_stages=num_stages, num_units=num_units,
                         supervised_units=supervised_units)
        if supervised_units > num_units:
            raise OptionError(f'MultiStageRSNHead: supervised_units={supervised_units}, expected '
                              f'at most num_units={num_units}')
        self._check_codec(num_units, heatmap_size)
        self.num_stages = num_stages
        self.num_units = num_units
        self.first_supervised = num_units - supervised_units
        self.out_channels = out_channels
        self.unit_channels = unit_channels

        loss = {'type': CoarseToFineLoss, 'num_stages': num_stages, **(loss or {})}
        if loss['num_stages'] != num_stages:
            raise OptionError(f'MultiStageRSNHead: num_stages={num_stages}, but its loss has '
                              f'num_stages={loss["num_stages"]}')
        self.loss_module = MODELS.build(loss)
        topk = getattr(self.loss_module, 'topk', None)
        if isinstance(topk, int) and topk > out_channels:
            raise OptionError(f'MultiStageRSNHead: its loss takes the topk={topk} worst joints of '
                              f'out_channels={out_channels}; set loss=dict(topk={out_channels}) '
                              "or loss=dict(topk='all')")

        # Units without supervision have an identity, which is never called: so the others keep
        # their place, and their names in checkpoints, whatever their number is.
        # torch does not know the type of the modules in a list.
        self.predictors: Any = nn.ModuleList(
            nn.ModuleList(
                HeatmapPredictor(
                    unit_channels, out_channels, heatmap_size, norm_cfg,
                    prm if (s, u) == (num_stages - 1, num_units - 1) else None)
                if u >= self.first_supervised else nn.Identity()
                for u in range(num_units))
            for s in range(num_stages))

    def _check_codec(self, num_units: int, heatmap_size: Sequence[int]) -> None:
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
        """Compute the heatmaps (B, K, H, W) of all supervised units.

        Returns:
            A list over stages of lists over units, coarse to fine.
        """
        self._check_features(feats)
        first = self.first_supervised
        return [[predictor(x) for predictor, x in zip(predictors[first:], units[first:])]
                for predictors, units in zip(self.predictors, feats)]

    def forward_last(self, feats: Features) -> Tensor:
        """Compute only the heatmaps of the last unit of the last stage, (B, K, H, W).

        Predictions are made from these alone.
        """
        self._check_features(feats)
        return self.predictors[-1][-1](feats[-1][-1])

    def _check_features(self, feats: Features) -> None:
        if isinstance(feats, Tensor) or any(isinstance(each, Tensor) for each in feats):
            raise OptionError(
                'MultiStageRSNHead: the backbone gives single feature maps, expected a list of '
                "units for each stage: set out_mode='stages' of rsn_mm.RSN, or use a head such as "
                'HeatmapHead for other backbones')
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

    def predict(self, feats: Any,
                batch_data_samples: list[PoseDataSample],
                test_cfg: dict | None = None) -> list | tuple[list, list]:
        """Predict keypoints from the last heatmaps.

        Args:
            feats: Features of the images as in :meth:`forward`; with ``flip_test`` a pair, those
                of the images and those of the mirrored images.
            batch_data_samples: Samples of the images; the flip test reads their ``flip_indices``.
            test_cfg: ``flip_test``, ``flip_mode``, ``shift_heatmap`` and ``output_heatmaps`` as in
                MMPose's heatmap heads.

        Returns:
            An ``InstanceData`` per image with ``keypoints`` (1, K, 2) in input pixels and
            ``keypoint_scores`` (1, K). With ``output_heatmaps`` also the heatmaps, as a
            ``PixelData`` per image.
        """
        test_cfg = test_cfg or {}
        if not test_cfg.get('flip_test', False):
            return self.predict_heatmaps(self.forward_last(feats), None, batch_data_samples,
                                         test_cfg)
        direct, mirrored = (self.forward_last(each) for each in feats)
        return self.predict_heatmaps(direct, mirrored, batch_data_samples, test_cfg)

    def predict_heatmaps(self, heatmaps: Tensor, mirrored: Tensor | None,
                         batch_data_samples: list[PoseDataSample],
                         test_cfg: dict) -> list | tuple[list, list]:
        """Predict as :meth:`predict` does, but from heatmaps.

        Args:
            heatmaps: (B, K, H, W), of the images.
            mirrored: (B, K, H, W), of the mirrored images, as the network computed them; ``None``
                without a flip test.
            batch_data_samples: As in :meth:`predict`.
            test_cfg: As in :meth:`predict`.
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
        """Compute the losses and the accuracy of a batch.

        Returns:
            ``loss_kpt``, the total, which is minimized; its terms per stage and unit, for the log;
            and ``acc_pose``, the share of joints that are found within 5% of the map's size.
        """
        outputs = self.forward(feats)
        cells, flags = self._labels(batch_data_samples, outputs[-1][-1].device)
        targets = self.decoder.render_cells(cells, flags)[:, self.first_supervised:]
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
