"""mmengine's ``compile=`` also compiles the optimizer's step, at which newer torch fails."""

import functools

import torch
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner


def mend() -> None:
    """Let the optimizer step outside what ``compile=`` compiles; the step is the same."""
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

    _maybe_compile.mended = True
    Runner._maybe_compile = _maybe_compile
