"""Testing with the test-time form of a model."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from rsn_mm.errors import OptionError
from rsn_mm.models import Ensemble
from rsn_mm.optimization.estimator import DTYPES, optimize
from rsn_mm.registry import HOOKS


@HOOKS.register_module()
class OptimizeHook(Hook):
    """Tests with what :func:`rsn_mm.apis.optimize` makes of the model, or of each ensemble member.

    The hook acts after checkpoints are loaded and after hooks that exchange parameters
    (``EMAHook``). It leaves validation during training alone. After the test it gives the runner
    its own model back, and an ensemble its own members.

    Args:
        dtype: ``'fp32'``, ``'bf16'`` or, on a GPU, ``'fp16'``.

    Raises:
        OptionError: If ``dtype`` is none of these, or if the model has no test-time form.

    Example:
        >>> from rsn_mm.registry import HOOKS
        >>> HOOKS.build(dict(type='rsn_mm.OptimizeHook', dtype='bf16')).dtype
        torch.bfloat16
        >>> rsn_mm.engine.OptimizeHook(dtype='int8')
        Traceback (most recent call last):
        rsn_mm.errors.OptionError: OptimizeHook: dtype='int8', expected fp32, bf16, fp16
    """

    priority = 'VERY_LOW'

    def __init__(self, dtype: str = 'fp32') -> None:
        if dtype not in DTYPES:
            raise OptionError(f'OptimizeHook: dtype={dtype!r}, expected {", ".join(DTYPES)}')
        self.dtype = DTYPES[dtype]
        self._original: Any = None

    def before_test_epoch(self, runner: Runner) -> None:
        """Exchange the model."""
        model = _model(runner)
        try:
            if isinstance(model, Ensemble):
                model.load_once()  # which optimized members cannot
                self._original = model.members
                model.members = nn.ModuleList(
                    optimize(member, dtype=self.dtype) for member in model.members)
            else:
                self._original = model
                _set_model(runner, optimize(model, dtype=self.dtype))
        except TypeError as error:
            raise OptionError(f'OptimizeHook: the model cannot be optimized: {error}') from error

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Give the runner its model back, or an ensemble its members."""
        model = _model(runner)
        if isinstance(model, Ensemble):
            model.members = self._original
        else:
            _set_model(runner, self._original)


def _model(runner: Runner) -> nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _set_model(runner: Runner, model: nn.Module) -> None:
    if is_model_wrapper(runner.model):
        runner.model.module = model
    else:
        runner.model = model
