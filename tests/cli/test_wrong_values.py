"""Wrong values in a config: one message each, before the first iteration, and no traceback.

Every row is a key of a config, a value that is wrong for it, and what the message must say. The
rows are damage to one field of a config that trains.
"""

import copy
import itertools
import json
import re
from unittest import mock

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import runner as mmengine_runner
from mmengine.runner.loops import EpochBasedTrainLoop
from mmengine.utils import manager

from rsn_mm.apis import Predictor
from rsn_mm.cli import browse_dataset, get_flops, train
from rsn_mm.cli.running import TRACEBACK, run_command
from rsn_mm.configuration import check_values
from rsn_mm.errors import EntryError, OptionError
from tests.tools.tiny_run import draw_persons, write_run

NUMBERS = itertools.count()
NAN, INF = float('nan'), float('inf')


def wrong(key, *values, says):
    """A row for each value."""
    return [(key, value, rf'{re.escape(key)} is .*{says}') for value in values]


#: Found in the config alone. The message has the key, the value and what was expected.
VALUES = [
    # Entries that are none.
    *wrong('model', 5, 'RSN', says='expected a dict'),
    *wrong('model.backbone', 'RSN', None, says='expected a dict'),
    *wrong('model.head', 'head', says='expected a dict, or None'),
    *wrong('train_dataloader', 5, [], says='expected a dict, or None'),
    *wrong('train_dataloader.dataset', None, 'coco', says='expected a dict'),
    *wrong('val_dataloader.dataset.pipeline', None, 5, ['LoadImage'], says='a list of dicts'),
    *wrong('val_evaluator', 'CocoMetric', 5, says='a dict or a list of dicts, or None'),
    *wrong('train_cfg', 3, says='expected a dict, or None'),
    *wrong('optim_wrapper', 'Adam', says='expected a dict, or None'),
    *wrong('optim_wrapper.optimizer', 'Adam', None, says='expected a dict'),
    *wrong('param_scheduler', 'step', says='expected a dict or a list of dicts, or None'),
    *wrong('default_hooks', [], says='expected a dict'),
    *wrong('default_hooks.checkpoint', 5, says='expected a dict, or None'),
    *wrong('custom_hooks', dict(type='rsn_mm.CheckDataHook'), says='expected a list of dicts'),
    *wrong('env_cfg', None, says='expected a dict'),
    *wrong('randomness', 7, says='expected a dict'),
    *wrong('log_processor', 'rsn_mm.LogProcessor', says='expected a dict, or None'),
    *wrong('resume', 'yes', None, says='expected True or False'),
    *wrong('load_from', 5, says='expected a text, or None'),
    *wrong('log_level', 'LOUD', 7, says='expected one of CRITICAL, '),
    # The length of a training.
    *wrong('train_cfg.max_epochs', 0, -1, 2.5, '3', None, NAN, says='an integer of 1 or more'),
    *wrong('train_cfg.val_interval', 0, -1, 0.5, 'x', says='an integer of 1 or more'),
    *wrong('train_cfg.val_begin', -1, 'x', says='an integer of 0 or more'),
    *wrong('val_cfg.fp16', 'x', says='expected True or False'),
    # The loaders.
    *wrong('train_dataloader.batch_size', 0, -4, 2.5, '4', None, True, says='of 1 or more'),
    *wrong('val_dataloader.num_workers', -1, 0.5, 'two', says='of 0 or more'),
    *wrong('train_dataloader.prefetch_factor', 0, 'x', says='of 1 or more, or None'),
    *wrong('train_dataloader.persistent_workers', 'no', says='expected True or False'),
    *wrong('train_dataloader.sampler.shuffle', 'no', 2, says='expected True or False'),
    # The optimizer.
    *wrong('optim_wrapper.optimizer.lr', NAN, INF, -1e-3, 'small', None, says='0 or more'),
    *wrong('optim_wrapper.optimizer.weight_decay', -1, NAN, 'x', says='of 0 or more'),
    *wrong('optim_wrapper.accumulative_counts', 0, 1.5, says='an integer of 1 or more'),
    *wrong('optim_wrapper.clip_grad', 5, says='expected a dict, or None'),
    *wrong('optim_wrapper.clip_grad.max_norm', 0, -1, 'x', says='a number above 0'),
    *wrong('auto_scale_lr.base_batch_size', 0, 'x', says='an integer of 1 or more'),
    # The model.
    *wrong('model.data_preprocessor.std', [0., 1, 1], [1, -1, 1], [NAN, 1, 1], 5, [], ['a'],
           says='a list of finite numbers above 0'),
    *wrong('model.data_preprocessor.mean', [INF, 1, 1], 'x', says='a list of finite numbers'),
    *wrong('model.test_cfg.flip_mode', 'heatmaps', 1, says="one of 'heatmap', 'udp_combined'"),
    *wrong('model.test_cfg.flip_test', 'no', 1, says='expected True or False'),
    # The hooks and the environment.
    *wrong('default_hooks.checkpoint.interval', 0, -2, 'x', says='or -1 for never'),
    *wrong('default_hooks.checkpoint.max_keep_ckpts', 0, 'x', says='or -1 for never'),
    *wrong('default_hooks.checkpoint.save_best', 5, [], '', says='the name of a metric'),
    *wrong('default_hooks.checkpoint.rule', 'higher', 5, says="'greater' or 'less'"),
    *wrong('default_hooks.logger.interval', 0, -1, 'x', says='an integer of 1 or more'),
    *wrong('default_hooks.visualization.enable', 'no', says='expected True or False'),
    *wrong('randomness.seed', -1, 'x', 2**32, says='an integer from 0 to'),
    *wrong('env_cfg.mp_cfg.mp_start_method', 'thread', says="one of 'fork', 'spawn'"),
    *wrong('env_cfg.mp_cfg.opencv_num_threads', -1, 'x', says='an integer of 0 or more'),
    *wrong('env_cfg.cudnn_benchmark', 'yes', says='expected True or False'),
]

#: Found when the run is built. The message has the key, and what the class says of the value.
BUILDING = [
    ('model.backbone.depth', 19, r'model\.backbone\.depth is 19 .*expected one of \[18, 50, 101\]'),
    ('model.backbone.depth', 'deep', r"depth is 'deep' \(rsn_mm\.RSN\): .*expected one of"),
    ('model.backbone.unit', 'rbs', r"model\.backbone\.unit is 'rbs'"),
    ('model.backbone.unit_channels', 'x', r"model\.backbone\.unit_channels is 'x', expected int"),
    ('model.backbone.num_blocks', 3, r'model\.backbone\.num_blocks is 3'),
    ('model.backbone.num_stages', 0, r'model\.backbone\.num_stages is 0'),
    ('model.head.out_channels', 3, r'model\.head\.out_channels is 3 .*loss=dict\(topk=3\)'),
    ('model.head.num_stages', -1, r'model\.head\.num_stages is -1'),
    ('model.head.decoder.input_size', (48, 60, 3), r'model\.head\.decoder'),
    ('model.head.decoder.heatmap_size', (5, 5), r'model\.head\.decoder\.heatmap_size is \(5, 5\)'),
    ('model.data_preprocessor.mean', [1., 2.], r'mean is \[1\.0, 2\.0\] .*1 or 3 values'),
    ('model.data_preprocessor.unknown', 1, r'nothing reads model\.data_preprocessor\.unknown'),
    ('visualizer.vis_backends', 5, r'visualizer\.vis_backends is 5 '),
    ('default_hooks.checkpoint.save_best', 'mine', r'default_hooks\.checkpoint .*infer the rule'),
    ('custom_hooks.0.other', 1, r'nothing reads custom_hooks\.0\.other'),
    ('optim_wrapper.paramwise_cfg', 5, r'optim_wrapper\.paramwise_cfg is 5 '),
    ('optim_wrapper.optimizer.betas', (2, 3), r'optim_wrapper\.optimizer.* beta parameter'),
    ('param_scheduler', [dict(type='MultiStepLR', milestones='x')],
     r'param_scheduler\.0\.milestones is .x., expected a list'),
    ('param_scheduler', [dict(type='LinearLR', start_factor=5)],
     r'param_scheduler\.0 \(LinearLR\): .*between 0 and 1'),
    ('train_dataloader.dataset.filter_cfg', 5, r'train_dataloader\.dataset\.filter_cfg is 5'),
    ('train_dataloader.dataset.data_mode', 'x', r"train_dataloader\.dataset\.data_mode is 'x'"),
    ('train_pipeline.4.encoder', 5, r'train_dataloader\.dataset\.pipeline\.4\.encoder is 5'),
    ('val_evaluator.0.ann_file', 'no.json', r'val_evaluator\.0 .*: .*no\.json'),
    ('val_evaluator.0.nms_mode', 'x', r"val_evaluator\.0\.nms_mode is 'x' .*'oks_nms'"),
    ('val_evaluator.0.score_mode', 'x', r"val_evaluator\.0\.score_mode is 'x'"),
]

#: Found by a try with one sample, where it would have been found in the training or after it.
TRYING = [
    ('train_pipeline.2.padding', 'x', r'train_dataloader\.dataset\.pipeline\.2 '
     r'\(GetBBoxCenterScale\) fails for .*001\.png'),
    ('val_pipeline', [dict(type='LoadImage'), dict(type='PackPoseInputs', meta_keys=5)],
     r'val_dataloader\.dataset\.pipeline\.1 \(PackPoseInputs\) fails'),
    ('test_dataloader.dataset.pipeline', [dict(type='LoadImage'), dict(type='RandomFlip', prob=2)],
     r'test_dataloader\.dataset\.pipeline\.1 \(RandomFlip\)'),
    ('model.backbone.num_blocks', (1, 1), r'model\.head \(MultiStageRSNHead\) fails at the loss'),
    ('model.test_cfg.output_keypoint_indices', [*range(16), 40], r'prediction .*out of bounds'),
    ('train_dataloader.sampler.seed', 'x', r'train_dataloader\.sampler \(DefaultSampler\) fails'),
    ('train_dataloader.sampler.type', 'InfiniteSampler', r'train_dataloader\.sampler is Inf'),
    ('val_evaluator.0.iou_type', 'x', r'val_evaluator\.0 \(CocoMetric\) cannot measure .*iouType'),
    ('val_evaluator.0.ann_file', 'OTHER', r'val_evaluator\.0\.ann_file \(CocoMetric\) is not that '
     r'of the data: image 1 of .*persons\.json is .*001\.png, and other_001\.png in the file'),
    ('default_hooks.checkpoint', dict(type='CheckpointHook', save_best='coco/A', rule='less'),
     r"default_hooks\.checkpoint\.save_best is 'coco/A', expected one of EPE, coco/AP"),
]


@pytest.fixture(scope='module', autouse=True)
def mmengines_lock():
    """mmengine keeps its lock where a visualizer cannot be built, and other threads would wait."""
    yield
    while manager._lock._is_owned():
        manager._lock.release()


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    """The config of a run that starts."""
    folder = tmp_path_factory.mktemp('wrong')
    path = write_run(folder)
    text = path.read_text().replace("data_root=", 'serialize_data=False, data_root=')
    path.write_text(text + "model['backbone']['unit'] = 'basic'\n")
    other = draw_persons(folder)
    for image in other['images']:
        image['file_name'] = f'other_{image["file_name"]}'
    (folder / 'other.json').write_text(json.dumps(other))
    return path


def start(config, monkeypatch, **changes):
    """The end of a training that stops before its first iteration: its message."""
    def started(loop):
        raise SystemExit('started')

    monkeypatch.setattr(EpochBasedTrainLoop, 'run', started)
    monkeypatch.setattr(mmengine_runner, 'collect_env', dict)  # takes longer than all else
    monkeypatch.setattr(Config, 'pretty_text', '')
    args = train.build_parser().parse_args(
        [str(config), '--work-dir', str(config.parent / 'work')])
    # Loggers and visualizers are found again by the name of the run.
    args.cfg_options = {'experiment_name': f'run{next(NUMBERS)}', **changes}
    with pytest.raises(SystemExit) as ended:
        run_command(train.train, args, 'train.py')
    return str(ended.value.code)


def test_the_config_without_damage_starts(config, monkeypatch):
    check_values(Config.fromfile(config))
    assert start(config, monkeypatch) == 'started'


def test_wrong_values_are_named_with_key_and_expectation(config):
    assert len(VALUES) > 100
    original, problems = Config.fromfile(config), []
    for key, value, says in VALUES:
        cfg = copy.deepcopy(original)
        if '.' in key:
            cfg.merge_from_dict({key: value})
        else:
            cfg[key] = value
        try:
            check_values(cfg)
            found = 'passed'
        except OptionError as error:
            found = str(error)
        if not re.match(rf'.*tiny\.py: {says}', found):
            problems.append((key, value, found))
    assert not problems, '\n'.join(map(str, problems))


@pytest.mark.parametrize('rows', [BUILDING, TRYING], ids=['building', 'trying'])
def test_what_cannot_be_built_or_used_is_one_message_with_its_key(config, monkeypatch, rows):
    problems = []
    for key, value, says in rows:
        value = str(config.parent / 'other.json') if value == 'OTHER' else value
        found = start(config, monkeypatch, **{key: value})
        if not re.match(rf'(?s)train\.py: error: .*{says}', found):
            problems.append((key, value, found))
    assert not problems, '\n'.join(map(str, problems))


def test_the_traceback_can_be_had(config, monkeypatch):
    found = start(config, monkeypatch, **{'visualizer.vis_backends': 5})
    assert found.endswith(f'({TRACEBACK}=1 shows where)')
    monkeypatch.setenv(TRACEBACK, '1')
    with pytest.raises(EntryError) as caught:
        start(config, monkeypatch, **{'visualizer.vis_backends': 5})
    assert isinstance(caught.value.__cause__, TypeError)


# ------------------------------------------------------------------------------- other commands


#: Commands that build parts of a config.
OTHERS = [
    (get_flops, [], 'model.backbone.depth', 19, r'tiny\.py: model\.backbone\.depth is 19'),
    (get_flops, [], 'model.backbone.unit_channels', 7, r'model\.head .* fails at an image'),
    (get_flops, [], 'model.data_preprocessor.std', [0, 0, 0], r'std is \[0, 0, 0\], expected'),
    (browse_dataset, [], 'affine.input_size', 5, r'pipeline\.3\.input_size is 5'),
    (browse_dataset, [], 'train_pipeline.2.padding', 'x', r'pipeline\.2 \(GetBBoxCenterScale\)'),
    (browse_dataset, ['--phase', 'val'], 'val_dataloader.dataset.indices', 'x',
     r"val_dataloader\.dataset.*"),
]


@pytest.mark.parametrize('module, arguments, key, value, says', OTHERS)
def test_other_commands_name_the_key_too(config, tmp_path, module, arguments, key, value, says):
    folder = ['--out-dir', str(tmp_path)] if module is browse_dataset else []
    command = module.__name__.rpartition('.')[2]
    args = module.build_parser().parse_args([str(config), *folder, *arguments])
    args.cfg_options = {key: value}
    with pytest.raises(SystemExit) as ended:
        run_command(getattr(module, command), args, f'{command}.py')
    assert re.match(rf'(?s){command}\.py: error: .*{says}', str(ended.value.code))


PREDICTORS = [
    ('model.backbone.depth', 19, r'model\.backbone\.depth is 19'),
    ('model.backbone.unknown', 1, r'model\.backbone\.unknown: rsn_mm\.RSN has no such option'),
    ('model.data_preprocessor.std', [0.], r'model\.data_preprocessor\.std is \[0\.0\]'),
    ('test_dataloader.dataset.pipeline.2.input_size', 'x',
     r'test_dataloader\.dataset\.pipeline\.2\.input_size is'),
]


@pytest.mark.parametrize('key, value, says', PREDICTORS)
def test_a_predictor_names_the_key_too(config, key, value, says):
    cfg = Config.fromfile(config)
    cfg.merge_from_dict({key: value})
    with pytest.raises(OptionError, match=says), mock.patch.object(torch, 'load'):
        Predictor(cfg, 'none.pth')
