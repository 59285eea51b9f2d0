"""What runs on which data and where, in the first lines of a run."""

import os
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

from rsn_mm.datasets.checks import leaf_datasets, source_of
from rsn_mm.registry import HOOKS

from .optimize_hook import OptimizeHook
from .screen_text import ScreenText, duration, joint_table


@HOOKS.register_module()
class RunSummaryHook(Hook):
    """Logs what a training or a test consists of before it starts, and the outcome of a training.

    At the end, the errors of every joint follow where ``rsn_mm.JointErrors`` has measured them.
    Named are the network and its number of parameters, the data and their number of samples, the
    batch, the epochs, the precision, the device, the folder and the log file.
    """

    priority = 'LOW'

    def before_train(self, runner: Runner) -> None:
        """Describe the training; checkpoints have been loaded and data checked by now."""
        self._start = time.monotonic()
        loop = runner.train_loop
        lines = {'network': network_of(runner.model), **self._weights(runner),
                 'data': data_of(loop.dataloader)}
        if runner.val_loop is not None:
            interval = _counted(loop.val_interval, self._unit(runner)).removeprefix('1 ')
            lines['validation'] = f'{data_of(runner.val_loop.dataloader)}, every {interval}'
        lines['batch'] = batch_of(loop.dataloader, runner.optim_wrapper)
        lines['length'] = self._length(runner)
        lines['precision'] = precision_of(runner.optim_wrapper)
        self._log(runner, 'Training', lines)

    def before_test(self, runner: Runner) -> None:
        """Describe the test."""
        loader = runner.test_loop.dataloader
        optimized = [hook for hook in runner.hooks if isinstance(hook, OptimizeHook)]
        precision = 'float32'
        if optimized:
            precision = f'{_name(optimized[0].dtype or torch.float32)}, in the test-time form'
        elif getattr(runner.test_loop, 'fp16', False):
            precision = 'mixed precision in float16'
        self._log(runner, 'Testing', {
            'network': network_of(runner.model), **self._weights(runner),
            'data': data_of(loader), 'batch': batch_of(loader), 'precision': precision})

    def after_train(self, runner: Runner) -> None:
        """Tell how long the training took and which checkpoint is the best."""
        text = f'trained in {duration(time.monotonic() - self._start)}'
        best = runner.message_hub.runtime_info.get('best_ckpt')
        if best is not None:
            score = runner.message_hub.get_info('best_score')
            text += f'; the best score is {score:.3f}, in {_shown(best)}'
        runner.logger.info(ScreenText(text, text))
        if runner.val_loop is not None:
            self._log_joints(runner, runner.val_loop.evaluator)

    def after_test(self, runner: Runner) -> None:
        """Show the error of every joint, if it was measured."""
        self._log_joints(runner, runner.test_loop.evaluator)

    @staticmethod
    def _log_joints(runner: Runner, evaluator: Evaluator) -> None:
        for metric in evaluator.metrics:
            joints = getattr(metric, 'joints', ())
            if joints:
                table = joint_table(joints, metric.thr)
                runner.logger.info(ScreenText(table, table))

    @staticmethod
    def _weights(runner: Runner) -> dict[str, str]:
        """The checkpoint that the run starts from or goes on from, if any."""
        if not runner._load_from:
            return {}
        return {'resumed' if runner._resume else 'weights': _shown(runner._load_from)}

    @staticmethod
    def _unit(runner: Runner) -> str:
        return 'iteration' if isinstance(runner.train_loop, IterBasedTrainLoop) else 'epoch'

    def _length(self, runner: Runner) -> str:
        unit = self._unit(runner)
        done, count = ((runner.epoch, runner.max_epochs) if unit == 'epoch' else
                       (runner.iter, runner.max_iters))
        rest = f', from {unit} {done + 1:,} on' if done else ''
        return _counted(count, unit) + rest

    @staticmethod
    def _log(runner: Runner, job: str, lines: dict[str, str]) -> None:
        name = Path(runner.cfg.filename).stem if runner.cfg.filename else runner.experiment_name
        lines = {**lines, 'device': device_of(runner.model), 'folder': _shown(runner.work_dir),
                 'log': _shown(Path(runner.log_dir, f'{runner.timestamp}.log'))}
        text = '\n'.join([f'{job} {name}', *(
            f'  {title:10}  {line}' for title, line in lines.items())])
        runner.logger.info(ScreenText(text, text))


def network_of(model: Any) -> str:
    """The parts of a model and its number of parameters."""
    model = model.module if is_model_wrapper(model) else model
    parts = [type(getattr(model, name)).__name__ for name in ('backbone', 'neck', 'head')
             if getattr(model, name, None) is not None]
    name = ' + '.join(parts) or type(model).__name__
    if hasattr(model, 'members'):
        name += f' of {len(model.members)} networks'
    count = sum(parameter.numel() for parameter in model.parameters())
    return f'{name}, {count / 1e6:.1f} M parameters'


def data_of(loader: DataLoader) -> str:
    """The number of samples of a loader and where they come from."""
    dataset: Any = loader.dataset
    sources = ', '.join(_shown(source_of(leaf)) for leaf in leaf_datasets(dataset))
    return f'{_counted(len(dataset), "sample")} of {sources}'


def batch_size_of(loader: DataLoader) -> int | None:
    """Samples in a batch of one process, if the loader knows it."""
    return loader.batch_size or getattr(loader.batch_sampler, 'batch_size', None)


def batch_of(loader: DataLoader, optim_wrapper: OptimWrapper | None = None) -> str:
    """The images of a step, by process and accumulation."""
    size = batch_size_of(loader)
    text = 'of several sizes' if size is None else _counted(size, 'image')
    if get_world_size() > 1:
        text += f' in each of {get_world_size()} processes'
    steps = getattr(optim_wrapper, '_accumulative_counts', 1)
    return text if steps == 1 else f'{text}, gradients of {steps} batches added up'


def precision_of(optim_wrapper: OptimWrapper) -> str:
    """The number format of training."""
    if not isinstance(optim_wrapper, AmpOptimWrapper):
        return 'float32'
    return f'mixed precision in {_name(optim_wrapper.cast_dtype or torch.float16)}'


def device_of(model: nn.Module) -> str:
    """What a model runs on."""
    device = next(model.parameters()).device
    if device.type == 'cuda':
        return f'{torch.cuda.get_device_name(device)} ({device})'
    return f'{device.type.upper()}, {_counted(torch.get_num_threads(), "thread")}'


def _counted(count: int, unit: str) -> str:
    return f'{count:,} {unit}' if count == 1 else f'{count:,} {unit}s'


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix('torch.')


def _shown(path: str | os.PathLike) -> str:
    """A path, from the current folder if it lies in there."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)
