"""Workers of data loaders that do not outlive their run."""

from collections.abc import Callable
from functools import partial

from mmengine.hooks import Hook
from mmengine.runner import Runner

from rsn_mm.processes import end_with_parent
from rsn_mm.registry import HOOKS


@HOOKS.register_module()
class WorkersHook(Hook):
    """Lets the workers of all data loaders end with the process that they work for.

    Workers of torch's loaders often stay behind when that process is killed, each with its memory.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Prepare the loaders of the loops that run, whose workers do not exist yet."""
        for loop in (runner._train_loop, runner._val_loop, runner._test_loop):
            loader = getattr(loop, 'dataloader', None)
            if loader is not None and loader.num_workers > 0:
                loader.worker_init_fn = partial(_start, loader.worker_init_fn)


def _start(then: Callable[[int], None] | None, worker_id: int) -> None:
    end_with_parent()
    if then is not None:
        then(worker_id)
