"""Testing with the test-time form of a model."""

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from rsn_mm.errors import CommandError, OptionError
from rsn_mm.models import Ensemble
from rsn_mm.optimization.estimator import DTYPES, optimize
from rsn_mm.registry import HOOKS


@HOOKS.register_module()
class OptimizeHook(Hook):
    """Puts the model of a test through :func:`rsn_mm.apis.optimize`; of an ensemble, each member.

    It does so once checkpoints are loaded and hooks that exchange parameters (``EMAHook``) have
    done so. Validation during training is not touched. After the test the runner has its own model
    again, and an ensemble its own members.

    Args:
        dtype: ``'fp32'`` or ``'bf16'``.

    Raises:
        CommandError: If the model has no such form.
        OptionError: If ``dtype`` is neither.
    """

    priority = 'VERY_LOW'

    def __init__(self, dtype: str = 'fp32') -> None:
        if dtype not in DTYPES:
            raise OptionError(f'OptimizeHook: dtype={dtype!r}, expected one of {tuple(DTYPES)}')
        self.dtype = DTYPES[dtype]

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
            raise CommandError(f'the model cannot be optimized, leave --optimize (OptimizeHook) '
                               f'out: {error}') from error

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
