"""Testing with the test-time form of a model."""

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from rsn_mm.apis.optimization import optimize
from rsn_mm.models import Ensemble
from rsn_mm.registry import HOOKS

from .cli import CommandError, unwrapped

DTYPES = dict(fp32=torch.float32, bf16=torch.bfloat16)


@HOOKS.register_module()
class OptimizeHook(Hook):
    """Puts the model of a test through :func:`rsn_mm.apis.optimize`; of an ensemble, each member.

    It does so once checkpoints are loaded and hooks that exchange parameters (``EMAHook``) have
    done so. Validation during training is not touched. After the test the runner has its own model
    again; the members of an ensemble stay optimized.

    Args:
        dtype: ``'fp32'`` or ``'bf16'``.

    Raises:
        CommandError: If the model has no such form.
        ValueError: If ``dtype`` is neither.
    """

    priority = 'VERY_LOW'

    def __init__(self, dtype: str = 'fp32') -> None:
        if dtype not in DTYPES:
            raise ValueError(f'OptimizeHook: dtype={dtype!r}, expected one of {tuple(DTYPES)}')
        self.dtype = DTYPES[dtype]

    def before_test_epoch(self, runner: Runner) -> None:
        """Exchange the model."""
        self._original = unwrapped(runner.model)
        try:
            if isinstance(self._original, Ensemble):
                # One by one, so that only one member is in memory twice.
                for i, member in enumerate(self._original.members):
                    self._original.members[i] = optimize(member, dtype=self.dtype)
            else:
                _set_model(runner, optimize(self._original, dtype=self.dtype))
        except TypeError as error:
            raise CommandError(f'the model cannot be optimized, leave --optimize (OptimizeHook) '
                               f'out: {error}') from error

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Give the runner its model back."""
        _set_model(runner, self._original)


def _set_model(runner: Runner, model: nn.Module) -> None:
    if is_model_wrapper(runner.model):
        runner.model.module = model
    else:
        runner.model = model
