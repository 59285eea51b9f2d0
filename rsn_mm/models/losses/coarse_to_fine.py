"""The loss of MSPN and RSN: coarse-to-fine supervision and online hard keypoint mining (OHKM)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from rsn_mm.errors import OptionError, require_at_least
from rsn_mm.registry import MODELS


def mse_loss(output: Tensor, target: Tensor, flags: Tensor) -> Tensor:
    """Mean squared error over all maps; the target of occluded and unlabeled joints is empty.

    Args:
        output: (B, K, H, W).
        target: (B, K, H, W), on the same scale.
        flags: (B, K) 2 visible, 1 occluded, 0 unlabeled.
    """
    visible = (flags > 1).to(target.dtype)[..., None, None]
    return (output - target * visible).square().mean()


def ohkm_loss(output: Tensor, target: Tensor, flags: Tensor, topk: int) -> Tensor:
    """Mean squared error of the ``topk`` worst joints of each sample.

    Occluded joints count like visible ones; the error of unlabeled joints is 0. The other arguments
    are those of :func:`mse_loss`.
    """
    errors = (output - target).square().mean((-2, -1)) * (flags > 0)
    return errors.topk(topk, dim=-1, sorted=False).values.mean()


@MODELS.register_module()
class CoarseToFineLoss(nn.Module):
    """One loss per unit of every stage, as in the released code (MSPN, section 3.3).

    Later units of a stage learn finer targets, and the last stage learns finer ones than the stages
    before: unit ``u`` learns level ``u``, but level ``u + 1`` in the last stage. The last unit of
    each stage has :func:`ohkm_loss`, all others have :func:`mse_loss`.

    Args:
        num_stages: Number of stages of the network.
        topk: Number of joints that count in :func:`ohkm_loss`. ``'all'`` drops the selection of
            joints. ``None`` switches OHKM off as the released code does: the last unit then has
            :func:`mse_loss` too, with unchanged weight.
        mse_weight: Weight of the loss of every unit but the last one of a stage.
        ohkm_weight: Weight of the loss of the last unit of a stage.
        loss_weight: Weight of the whole.
        coarse_to_fine: Whether the last stage learns finer targets than the stages before.
            ``False`` is the released code's switch: unit ``u`` then learns level ``u`` in every
            stage, and no unit learns the finest level. To give all units the same targets, give
            the codec equal ``kernel_sizes``.

    Example:
        >>> loss = rsn_mm.models.CoarseToFineLoss(num_stages=1, topk=2)
        >>> outputs = [[torch.zeros(1, 3, 16, 12) for unit in range(4)]]
        >>> targets = torch.full((1, 5, 3, 16, 12), 10.)  # five levels of maps for three joints
        >>> flags = torch.tensor([[2., 1., 0.]])
        >>> for name, term in loss.terms(outputs, targets, flags).items():
        ...     print(name, round(term.item(), 2))
        stage0_unit0_mse 8.33
        stage0_unit1_mse 8.33
        stage0_unit2_mse 8.33
        stage0_unit3_ohkm 100.0
        >>> round(loss(outputs, targets, flags).item(), 2)
        125.0
    """

    def __init__(self, num_stages: int, topk: int | Literal['all'] | None = 8,
                 mse_weight: float = 0.25, ohkm_weight: float = 1.0, loss_weight: float = 1.0,
                 coarse_to_fine: bool = True) -> None:
        super().__init__()
        require_at_least('CoarseToFineLoss', 1, num_stages=num_stages,
                         **(dict(topk=topk) if isinstance(topk, int) else {}))
        if isinstance(topk, str) and topk != 'all':
            raise OptionError(f"CoarseToFineLoss: topk={topk!r}, expected a number, 'all' or None")
        self.num_stages = num_stages
        self.topk = topk
        self.mse_weight = mse_weight
        self.ohkm_weight = ohkm_weight
        self.loss_weight = loss_weight
        self.coarse_to_fine = coarse_to_fine

    def forward(self, outputs: Sequence[Sequence[Tensor]], targets: Tensor,
                visibility: Tensor) -> Tensor:
        """Compute the weighted sum over stages and units, a scalar.

        Args:
            outputs: Heatmaps (B, K, H, W) on the 0..255 scale: a list over stages of lists over
                units, coarse to fine.
            targets: (B, L, K, H, W), where L is one more than the number of units of a stage.
            visibility: (B, K) flags 2, 1, 0.
        """
        return torch.stack(list(self.terms(outputs, targets, visibility).values())).sum()

    def terms(self, outputs: Sequence[Sequence[Tensor]], targets: Tensor,
              flags: Tensor) -> dict[str, Tensor]:
        """Compute the weighted terms of the sum, named by stage, unit and kind.

        The arguments are those of :meth:`forward`.
        """
        self._check(outputs, targets)
        terms = {}
        for s, units in enumerate(outputs):
            for u, output in enumerate(units):
                is_last_stage, is_last_unit = s == self.num_stages - 1, u == len(units) - 1
                target = targets[:, u + (is_last_stage and self.coarse_to_fine)]
                output = output.to(target.dtype)
                if is_last_unit and self.topk is not None:
                    topk = self.topk if isinstance(self.topk, int) else output.shape[1]
                    name, value = 'ohkm', ohkm_loss(output, target, flags, topk)
                else:
                    name, value = 'mse', mse_loss(output, target, flags)
                weight = self.ohkm_weight if is_last_unit else self.mse_weight
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
        if isinstance(self.topk, int) and targets.shape[2] < self.topk:
            raise OptionError(f'CoarseToFineLoss: topk={self.topk} of {targets.shape[2]} joints; '
                              'set topk to at most the number of joints')
