"""Coarse-to-fine supervision with online hard keypoint mining, of MSPN and RSN."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rsn_mm.errors import OptionError
from rsn_mm.registry import MODELS


def mse_loss(output: Tensor, target: Tensor, visibility: Tensor) -> Tensor:
    """Mean square error over all maps; occluded and unlabeled joints ask for an empty map.

    Args:
        output: (B, K, H, W).
        target: (B, K, H, W), on the same scale.
        visibility: (B, K) flags 2 visible, 1 occluded, 0 unlabeled.
    """
    visible = (visibility > 1).to(target.dtype)[..., None, None]
    return (output - target * visible).square().mean()


def ohkm_loss(output: Tensor, target: Tensor, visibility: Tensor, topk: int) -> Tensor:
    """Mean square error of a sample's ``topk`` worst joints, unlabeled ones counting as zero.

    Arguments as for :func:`mse_loss`; occluded joints count in full.
    """
    errors = (output - target).square().mean((-2, -1)) * (visibility > 0)
    return errors.topk(topk, dim=-1, sorted=False).values.mean()


@MODELS.register_module()
class CoarseToFineLoss(nn.Module):
    """One loss per unit of every stage (the released code; MSPN, section 3.3).

    The units of a stage learn ever finer targets, and the last stage finer ones than the stages
    before: unit ``u`` learns level ``u``, in the last stage level ``u + 1``. All but a stage's last
    unit have :func:`mse_loss`, the last one has :func:`ohkm_loss`.

    Args:
        num_stages: Stages of the network.
        topk: Joints that count in :func:`ohkm_loss`.
        mse_weight: Weight of each :func:`mse_loss`.
        ohkm_weight: Weight of each :func:`ohkm_loss`.
        loss_weight: Weight of the whole.
    """

    def __init__(self, num_stages: int, topk: int = 8, mse_weight: float = 0.25,
                 ohkm_weight: float = 1.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        if num_stages < 1:
            raise OptionError(f'CoarseToFineLoss: num_stages={num_stages}, expected 1 or more')
        if topk < 1:
            raise OptionError(f'CoarseToFineLoss: topk={topk}, expected 1 or more')
        self.num_stages = num_stages
        self.topk = topk
        self.mse_weight = mse_weight
        self.ohkm_weight = ohkm_weight
        self.loss_weight = loss_weight

    def forward(self, outputs: Sequence[Sequence[Tensor]], targets: Tensor,
                visibility: Tensor) -> Tensor:
        """The weighted sum over units and stages, a scalar.

        Args:
            outputs: Per stage, per unit coarse to fine, (B, K, H, W) on the 0..255 scale.
            targets: (B, L, K, H, W), L one more than the units of a stage.
            visibility: (B, K) flags 2, 1, 0.
        """
        return torch.stack(list(self.terms(outputs, targets, visibility).values())).sum()

    def terms(self, outputs: Sequence[Sequence[Tensor]], targets: Tensor,
              visibility: Tensor) -> dict[str, Tensor]:
        """The weighted terms of the sum, named by stage, unit and kind. Arguments as above."""
        self._check(outputs, targets)
        terms = {}
        for s, units in enumerate(outputs):
            for u, output in enumerate(units):
                level = u + 1 if s == self.num_stages - 1 else u
                target = targets[:, level]
                output = output.to(target.dtype)
                if u < len(units) - 1:
                    name, weight = 'mse', self.mse_weight
                    value = mse_loss(output, target, visibility)
                else:
                    name, weight = 'ohkm', self.ohkm_weight
                    value = ohkm_loss(output, target, visibility, self.topk)
                terms[f'stage{s}_unit{u}_{name}'] = self.loss_weight * weight * value
        return terms

    def _check(self, outputs: Sequence[Sequence[Tensor]], targets: Tensor) -> None:
        if len(outputs) != self.num_stages:
            raise OptionError(f'CoarseToFineLoss: outputs of {len(outputs)} stages, expected '
                              f'num_stages={self.num_stages}')
        for s, units in enumerate(outputs):
            if targets.shape[1] != len(units) + 1:
                raise OptionError(f'CoarseToFineLoss: targets of {targets.shape[1]} levels, '
                                  f'expected {len(units) + 1}, one more than the {len(units)} '
                                  f'units of stage {s}')
            for u, output in enumerate(units):
                if output.shape != targets[:, 0].shape:
                    raise OptionError(
                        f'CoarseToFineLoss: output of stage {s} unit {u} is '
                        f'{tuple(output.shape)}, targets are {tuple(targets[:, 0].shape)}')
        if targets.shape[2] < self.topk:
            raise OptionError(f'CoarseToFineLoss: topk={self.topk} of {targets.shape[2]} joints; '
                              'set topk to at most the number of joints')
