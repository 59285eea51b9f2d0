"""Changes of a config: each has an effect, or is refused with what was meant."""

from pathlib import Path

import pytest
from mmengine.config import Config

from rsn_mm.configuration import check_names, read_config
from rsn_mm.configuration.keys import unread_entries
from rsn_mm.errors import ChangeError, MissingFileError, OptionError

ROOT = Path(__file__).parents[2]
LSP = ROOT / 'configs/rsn/rsn18_lsp-128x96.py'
COCO = ROOT / 'configs/rsn/rsn50x4_coco-256x192.py'
ALL = sorted(path for path in ROOT.glob('configs/*/*.py') if path.parent.name != '_base_')


# --------------------------------------------------------------------------------------- no effect


@pytest.mark.parametrize('key, message', [
    # Of the runner, and of what it is made of.
    ('train_dataloder.batch_size', 'nothing reads train_dataloder; did you mean '
     'train_dataloader.batch_size?'),
    ('resum', 'did you mean resume?'),
    ('train_dataloader.batchsize', 'did you mean train_dataloader.batch_size?'),
    ('train_cfg.max_epoch', 'did you mean train_cfg.max_epochs?'),
    ('val_cfg.fp17', 'did you mean val_cfg.fp16?'),
    ('env_cfg.cudnn_bench', 'did you mean env_cfg.cudnn_benchmark?'),
    ('env_cfg.mp_cfg.foo', 'expected one of mp_start_method, opencv_num_threads'),
    ('auto_scale_lr.base_batchsize', 'did you mean auto_scale_lr.base_batch_size?'),
    ('randomness.sed', 'did you mean randomness.seed?'),
    ('visualizer.vis_backend', 'did you mean visualizer.vis_backends?'),
    ('log_processor.windowsize', 'did you mean log_processor.window_size?'),
    # Of the optimizer.
    ('optim_wrapper.paramwise_cfg.custom_key.x', 'nothing reads '
     'optim_wrapper.paramwise_cfg.custom_key; did you mean '
     'optim_wrapper.paramwise_cfg.custom_keys.x?'),
    ('optim_wrapper.optimizer.momentum', 'nothing reads optim_wrapper.optimizer.momentum; '
     'expected one of amsgrad, betas,'),  # Adam has none
    ('optim_wrapper.clipgrad', 'did you mean optim_wrapper.clip_grad?'),
    ('param_scheduler.0.ende', 'did you mean param_scheduler.0.end?'),
    ('lr', 'did you mean optim_wrapper.optimizer.lr?'),
    # Of what a type names, with the options of the classes that it derives from.
    ('model.test_cfg.flip_tes', 'did you mean model.test_cfg.flip_test?'),
    ('model.backbone.detph', 'did you mean model.backbone.depth?'),
    ('model.head.decoder.blur_kernel', 'did you mean model.head.decoder.blur_kernel_size?'),
    ('default_hooks.checkpoint.max_keep_ckpt', 'did you mean '
     'default_hooks.checkpoint.max_keep_ckpts?'),
    ('default_hooks.chekpoint.interval', 'did you mean default_hooks.checkpoint.interval?'),
    ('train_dataloader.dataset.annfile', 'did you mean train_dataloader.dataset.ann_file?'),
    ('train_dataloader.dataset.pipeline.2.fixd', 'pipeline.2.fixed?'),
    ('train_dataloader.sampler.shufle', 'did you mean train_dataloader.sampler.shuffle?'),
    ('val_evaluator.0.annfile', 'did you mean val_evaluator.0.ann_file?'),
    ('custom_hooks.0.foo', 'nothing reads custom_hooks.0.foo; expected one of priority, type'),
    # Of a variable.
    ('codec.input_sise', 'did you mean model.head.decoder.input_size?'),
    ('nothing_like_it', 'nothing reads nothing_like_it; expected one of'),
    # Into nothing.
    ('val_evaluator.ann_file', 'val_evaluator is a list of 2, expected an index from 0 to 1'),
    ('val_evaluator.2.thr', 'val_evaluator is a list of 2, expected an index'),
    ('train_pipeline.9.a', 'train_pipeline is a list of 8, expected an index from 0 to 7'),
    ('train_pipeline.0', 'can only be changed in part; set train_pipeline as a whole'),
    ('model.head.loss.topk.x', 'model.head.loss.topk is 14, which has no entries'),
])
def test_a_change_that_nothing_reads_is_refused_with_what_was_meant(key, message):
    with pytest.raises(ChangeError) as error:
        read_config(LSP, {key: 3})
    assert str(error.value).startswith(f'{key}: ') and message in str(error.value)


def test_a_name_that_stands_elsewhere_comes_before_a_similar_one():
    with pytest.raises(ChangeError, match='did you mean train_dataloader.dataset.data_root,'):
        read_config(ROOT / 'configs/rsn/rsn18_synthetic-128x96.py', dict(data_root='data/tiny'))


def test_a_variable_that_no_entry_follows_is_refused_with_what_has_its_value(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text('lr = 0.125\nunused = 1\noptim_wrapper = dict(optimizer=dict(lr=0.125))\n')
    with pytest.raises(ChangeError, match='lr: it is a variable of the config file that no entry '
                       r'follows; change what has its value: optim_wrapper\.optimizer\.lr$'):
        read_config(path, dict(lr=1))
    with pytest.raises(ChangeError, match='unused: it is a variable .* no entry follows$'):
        read_config(path, dict(unused=2))
    read_config(path, dict(lr=0.125))  # as it is


# ---------------------------------------------------------------------------- variables have effect


@pytest.mark.parametrize('path, key, value, entries', [
    (LSP, 'max_epochs', 7, {'train_cfg.max_epochs': 7, 'param_scheduler.1.end': 7}),
    (LSP, 'data_root', '/x/', {'train_dataloader.dataset.data_root': '/x/',
                               'val_evaluator.0.ann_file': '/x/val.json'}),
    (LSP, 'codec.input_size', (192, 256), {
        'model.head.decoder.input_size': (192, 256),
        'train_dataloader.dataset.pipeline.5.input_size': (192, 256),
        'val_dataloader.dataset.pipeline.2.input_size': (192, 256)}),
    (LSP, 'train_pipeline.0.type', 'Foo', {'train_dataloader.dataset.pipeline.0.type': 'Foo'}),
    (LSP, 'dataset_type', 'CocoDataset', {'test_dataloader.dataset.type': 'CocoDataset'}),
    # Variables of a base, which its own entries and those of its heirs use.
    (COCO, 'batch_size', 3, {'train_dataloader.batch_size': 3}),
    (COCO, 'max_epochs', 5, {'train_cfg.max_epochs': 5, 'param_scheduler.1.end': 5}),
    (COCO, 'vis_backends.0.type', 'TensorboardVisBackend',
     {'visualizer.vis_backends.0.type': 'TensorboardVisBackend'}),
])
def test_a_variable_changes_what_it_is_used_for(path, key, value, entries):
    cfg = read_config(path, {key: value})
    found = {name: _entry(cfg, name) for name in (key, *entries)}
    assert found == {key: value, **entries}
    assert {name: _entry(read_config(path), name) for name in entries} != entries


def _entry(cfg, key):
    for name in key.split('.'):
        cfg = cfg[int(name) if name.isdigit() else name]
    return cfg


def test_values_of_every_kind_reach_a_variable(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text('x = dict(a=0)\nrandomness = dict(seed=x)\n')
    for value in (1, 1.5, None, True, 'text', [1, (2, 'a')], (float('inf'), ), dict(b=[1])):
        assert read_config(path, {'x.a': value}).randomness.seed.a == value
    assert read_config(path).randomness.seed.a == 0  # a change does not last


def test_entries_that_are_read_do_not_change_what_is_made_of_them(tmp_path):
    cfg = read_config(LSP, {'val_dataloader.batch_size': 4})  # test_dataloader = val_dataloader
    assert (cfg.val_dataloader.batch_size, cfg.test_dataloader.batch_size) == (4, 32)


def test_pure_python_configs_are_changed_too(tmp_path):
    (tmp_path / 'base.py').write_text('from mmpose.codecs import MSRAHeatmap\n'
                                      'max_epochs = 3\ntrain_cfg = dict(max_epochs=max_epochs)\n')
    path = tmp_path / 'c.py'
    path.write_text('from mmengine.config import read_base\n'
                    'with read_base():\n    from .base import *\n'
                    'train_dataloader = dict(batch_size=3)\n')
    assert read_config(path, {'train_cfg.max_epochs': 4}).train_cfg.max_epochs == 4
    with pytest.raises(ChangeError, match=r'change what has its value: train_cfg\.max_epochs'):
        read_config(path, dict(max_epochs=4))


# --------------------------------------------------------------------------------- files themselves


def test_configs_of_the_project_have_no_entry_that_nothing_reads():
    assert len(ALL) > 90
    for path in ALL[::9]:
        cfg = Config.fromfile(path)
        assert not list(unread_entries(cfg)), path
        check_names(cfg)


@pytest.mark.parametrize('text, message', [
    ('train_dataloder = dict()', 'nothing reads train_dataloder; did you mean train_dataloader?'),
    ('train_dataloader = dict(bach_size=3)', r'train_dataloader\.bach_size; did you mean batch'),
    ('model = dict(type="rsn_mm.RSM")', r"model\.type is 'rsn_mm\.RSM', which no registry has; did "
     r"you mean 'rsn_mm\.RSN'"),
    ('custom_hooks = [dict(type="CheckDataHok", interval=3)]', "custom_hooks.0.type is 'CheckDa"),
])
def test_typos_in_a_file_are_refused(tmp_path, text, message):
    path = tmp_path / 'c.py'
    path.write_text(f'default_scope = "mmpose"\n{text}\n')
    with pytest.raises(OptionError, match=rf'c\.py: .*{message}'):
        check_names(read_config(path))


def test_variables_with_names_like_entries_are_no_typos(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text('val_evaluators = dict(type="EPE")\nval_evaluator = val_evaluators\n'
                    'val_evaluator_small = dict(type="EPE")\ndefault_scope = "mmpose"\n')
    check_names(read_config(path))


@pytest.mark.parametrize('name, text, message', [
    ('c.py', 'a = 1\nb = a + c\n', r"cannot be read: NameError: name 'c' is not defined \(.*c\.py, "
     r'line 2\)'),
    ('c.py', 'a = (\n', 'cannot be read: SyntaxError'),
    ('c.py', '_base_ = "gone.py"\n', 'cannot be read: FileNotFoundError'),
    ('c.py', 'custom_imports = dict(imports=["no_such_module"])', 'cannot be read: ImportError'),
    ('c.json', '{}', r'c\.json: expected a Python file \(\.py\)'),
    ('c.yaml', '', r'c\.yaml: expected a Python file \(\.py\)'),
    ('c.txt', '', r'c\.txt: expected a Python file \(\.py\)'),
])
def test_a_file_that_cannot_be_read_is_one_message(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(OptionError, match=message):
        read_config(tmp_path / name)


def test_a_value_that_the_file_cannot_use_is_named():
    with pytest.raises(OptionError, match=r'with codec=5 cannot be read: TypeError.*line 17'):
        read_config(LSP, dict(codec=5))
    with pytest.raises(MissingFileError, match='config no.py does not exist'):
        read_config('no.py')
