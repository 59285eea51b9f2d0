"""The lines of training, validation and testing."""

from mmengine.dist import get_world_size
from mmengine.runner import LogProcessor as MMEngineLogProcessor
from mmengine.runner import Runner

from rsn_mm.registry import LOG_PROCESSORS

from .run_summary_hook import batch_size_of
from .screen_text import ScreenText, duration, metric_table

NAMES = dict(val='validation', test='test')


@LOG_PROCESSORS.register_module()
class LogProcessor(MMEngineLogProcessor):
    """mmengine's log processor, whose messages have a short form for the screen.

    The log file, the JSON log and the visualizer's backends (such as TensorBoard) get all that
    mmengine's gives them. The screen of ``rsn-mm train`` and ``rsn-mm test`` gets one line per
    interval and one table per evaluation. Elsewhere messages are shown in their complete form.

    Args:
        kwargs: Of mmengine's ``LogProcessor``.
    """

    def get_log_after_iter(self, runner: Runner, batch_idx: int,
                           mode: str) -> tuple[dict, ScreenText]:
        """The scalars and the message after an iteration."""
        tag, text = super().get_log_after_iter(runner, batch_idx, mode)
        loop = self._get_cur_loop(runner, mode)
        parts = [self._position(runner, batch_idx, mode)]
        if 'eta' in runner.message_hub.runtime_info:
            parts.append(f'left {duration(runner.message_hub.get_info("eta"))}')
        batch_size = batch_size_of(loop.dataloader)
        if batch_size is not None and tag.get('time'):
            parts.append(f'{batch_size * get_world_size() / tag["time"]:6.1f} images/s')
        for name, form in (('loss', '.4g'), ('lr', '.2e')):
            if mode == 'train' and name in tag:
                parts.append(f'{name} {tag[name]:{form}}')
        if 'memory' in tag:
            parts.append(f'memory {tag["memory"]} MB')
        return tag, ScreenText(text, '  '.join(parts))

    def get_log_after_epoch(self, runner: Runner, batch_idx: int, mode: str,
                            with_non_scalar: bool = False) -> tuple[dict, ScreenText]:
        """The scalars and the message after an evaluation."""
        tag, text = super().get_log_after_epoch(runner, batch_idx, mode, with_non_scalar)
        metrics = {name: value for name, value in tag.items()
                   if isinstance(value, float) and name.rpartition('/')[2] not in (
                       'time', 'data_time')}
        title = NAMES[mode]
        if mode == 'val' and self._trains(runner):
            title += f' after epoch {runner.epoch}' if self.by_epoch else (
                f' after iteration {runner.iter}')
        return tag, ScreenText(text, metric_table(title, metrics))

    def _position(self, runner: Runner, batch_idx: int, mode: str) -> str:
        """Where a loop is: ``epoch  1/164   50/1171``, with aligned columns."""
        if mode == 'train' and not self.by_epoch:
            return f'iteration {_of(runner.iter + 1, runner.max_iters)}'
        place = _of(batch_idx + 1, self._get_dataloader_size(runner, mode))
        if mode == 'train':
            return f'epoch {_of(runner.epoch + 1, runner.max_epochs)}  {place}'
        return f'{NAMES[mode]}  {place}'

    @staticmethod
    def _trains(runner: Runner) -> bool:
        # Runner's public properties would build a loop that does not run.
        return runner._train_loop is not None and not isinstance(runner._train_loop, dict)


def _of(number: int, count: int) -> str:
    return f'{number:>{len(str(count))}}/{count}'
