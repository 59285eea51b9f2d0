"""mmengine's ``compile=`` includes optimizer and samples, which newer torch cannot compile."""

import functools

import torch
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner


def mend() -> None:
    """Exclude the optimizer's step and the preprocessing of samples from compilation."""
    original = Runner._maybe_compile
    if getattr(original, 'mended', False):
        return

    @functools.wraps(original)
    def _maybe_compile(self, target: str) -> None:
        original(self, target)
        if self.cfg.get('compile'):
            wrappers = self.optim_wrapper
            for wrapper in (wrappers.values() if isinstance(wrappers, OptimWrapperDict)
                            else [wrappers]):
                wrapper.update_params = torch.compiler.disable(wrapper.update_params)
            model = self.model.module if is_model_wrapper(self.model) else self.model
            preprocessor = model.data_preprocessor
            preprocessor.forward = torch.compiler.disable(preprocessor.forward)

    _maybe_compile.mended = True  # type: ignore[attr-defined]
    Runner._maybe_compile = _maybe_compile
