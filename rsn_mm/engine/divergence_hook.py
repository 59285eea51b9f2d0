"""The end of a training that has gone astray."""

import torch
from mmengine.dist import all_reduce, is_distributed
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rsn_mm.errors import DivergedError, require_at_least
from rsn_mm.registry import HOOKS


@HOOKS.register_module()
class DivergenceHook(Hook):
    """Stops a training whose loss is no longer finite, before it is saved.

    Weights that are not finite stay so, whatever follows. So a checkpoint that holds such weights
    is never written, and those of better times are kept.

    Args:
        patience: Iterations in succession with a loss that is NaN or infinite, in any process,
            after which training stops.

    Raises:
        DivergedError: If the loss was not finite for so long, or weights are not finite when they
            are to be saved.
    """

    priority = 'LOW'  # before CheckpointHook

    def __init__(self, patience: int = 3) -> None:
        require_at_least('DivergenceHook', 1, patience=patience)
        self.patience = patience
        self._count = 0

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Count the iterations whose loss is not finite."""
        loss = torch.as_tensor((outputs or {}).get('loss', 0.)).detach()
        is_bad = (~torch.isfinite(loss).all()).to(torch.int32)
        if is_distributed():
            all_reduce(is_bad, op='max')
        self._count = self._count + 1 if is_bad.item() else 0
        if self._count >= self.patience:
            raise DivergedError(
                f'the loss has not been finite for {self._count} iterations, in epoch '
                f'{runner.epoch + 1} at iteration {runner.iter + 1}; {_advice(runner)}')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse weights that are not finite."""
        for name, value in checkpoint['state_dict'].items():
            if value.is_floating_point() and not torch.isfinite(value).all():
                raise DivergedError(
                    f'{name} is not finite after iteration {checkpoint["meta"]["iter"]}, and no '
                    f'checkpoint of it is written; {_advice(runner)}')


def _advice(runner: Runner) -> str:
    rates = ', '.join(f'{rate:.3g}' for rate in {
        rate for rates in runner.optim_wrapper.get_lr().values() for rate in rates})
    last = runner.message_hub.runtime_info.get('last_ckpt')
    saved = f'the last checkpoint is {last}' if last else 'no checkpoint has been written'
    return (f'{saved}. Try a lower learning rate (optim_wrapper.optimizer.lr; it was {rates}), '
            'gradients that are clipped (optim_wrapper.clip_grad=dict(max_norm=...)), a longer '
            'warm-up, or float32; and check mean and std of the data_preprocessor')
