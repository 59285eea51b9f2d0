"""Datasets and models that do not fit each other."""

import multiprocessing
import re
from types import SimpleNamespace

import pytest
import torch.distributed as dist
from mmpose.codecs import MegviiHeatmap
from mmpose.datasets.transforms import GenerateTarget, KeypointConverter, TopdownAffine
from torch import nn

from rsn_mm.datasets.checks import DataError
from rsn_mm.engine import CheckDataHook, check_data_hook
from rsn_mm.models import MultiStageRSNHead

CODEC = dict(type='rsn_mm.RSNHeatmap', input_size=(48, 64), heatmap_size=(12, 16))


class Data:
    """A dataset of so many joints, with these transforms."""

    def __init__(self, *transforms, joints=17):
        self.ann_file = 'ann.json'
        self.metainfo = dict(num_keypoints=joints)
        self.pipeline = SimpleNamespace(transforms=transforms)

    def __len__(self):
        return 1


@pytest.fixture(scope='module')
def head():
    return MultiStageRSNHead(1, 17, decoder=CODEC, unit_channels=8)


def affine(size=(48, 64)):
    return TopdownAffine(input_size=size)


def target(**changes):
    return GenerateTarget(encoder={**CODEC, **changes})


def mirrored(joints):
    return KeypointConverter(joints, [(i, i) for i in range(joints)])


@pytest.mark.parametrize('dataset, mode, test_cfg', [
    (Data(affine(), target()), 'Training', None),
    (Data(affine()), 'Validation', {}),
    (Data(), 'Test', {}),
    (Data(mirrored(17), joints=16), 'Training', None),
    (Data(joints=5), 'Test', dict(output_keypoint_indices=[0, 1, 2, 3, 4])),
    (SimpleNamespace(datasets=[Data(affine()), Data(target())]), 'Training', None),
])
def test_what_fits_passes(head, dataset, mode, test_cfg):
    check_data_hook.check_head(head, dataset, test_cfg, mode)


@pytest.mark.parametrize('dataset, mode, test_cfg, message', [
    (Data(joints=16), 'Training', None,
     'Training data, ann.json: 16 joints, but the head has out_channels=17'),
    (Data(mirrored(16)), 'Training', None, '16 joints, but the head has out_channels=17'),
    (Data(joints=5), 'Training', dict(output_keypoint_indices=[0, 1, 2, 3, 4]), '5 joints, but'),
    (Data(joints=6), 'Test', dict(output_keypoint_indices=[0]), '6 joints, .* out_channels=1'),
    (Data(affine((64, 48))), 'Test', {}, r'TopdownAffine has input_size=\(64, 48\), .* \(48, 64\)'),
    (Data(target(input_size=(96, 128), heatmap_size=(24, 32))), 'Training', None,
     r'GenerateTarget has input_size=\(96, 128\), .* \(48, 64\)'),
    (Data(target(heatmap_size=(24, 32))), 'Training', None,
     r'GenerateTarget has heatmap_size=\(24, 32\), .* \(12, 16\)'),
    (SimpleNamespace(datasets=[Data(), Data(joints=14)]), 'Training', None, '14 joints'),
])
def test_what_does_not_fit_is_one_clear_error(head, dataset, mode, test_cfg, message):
    with pytest.raises(DataError, match=message):
        check_data_hook.check_head(head, dataset, test_cfg, mode)


def test_the_codecs_must_be_of_one_kind(head):
    transform = target()
    transform.encoder = MegviiHeatmap((48, 64), (12, 16), kernel_size=5)
    with pytest.raises(DataError, match='is MegviiHeatmap, but that of the head .* is RSNHeatmap'):
        check_data_hook.check_head(head, Data(transform), None, 'Training')


# ---------------------------------------------------------------------------------- the hook itself


@pytest.fixture
def runner(head, monkeypatch):
    """A runner whose training and validation loops are built, and whose test loop is not."""
    monkeypatch.setattr(check_data_hook, 'try_run', lambda runner, model: None)
    monkeypatch.setattr(check_data_hook, 'look_at_headers', lambda dataset: None)
    model = nn.Module()
    model.head = head
    lines = []
    loops = [SimpleNamespace(dataloader=SimpleNamespace(dataset=Data(affine()))) for _ in range(2)]
    return SimpleNamespace(model=model, logger=SimpleNamespace(info=lines.append), lines=lines,
                           _train_loop=loops[0], _val_loop=loops[1], _test_loop=dict(type='Loop'))


def test_every_loop_that_is_built_is_checked(runner, monkeypatch):
    monkeypatch.setattr(check_data_hook, 'check_dataset', lambda dataset: 'kept all')
    CheckDataHook().before_run(runner)
    assert runner.lines == ['Training data, kept all', 'Validation data, kept all']


def test_a_file_that_is_written_once_is_no_metric_of_training(runner, monkeypatch):
    monkeypatch.setattr(check_data_hook, 'check_dataset', lambda dataset: 'kept all')
    metric = SimpleNamespace(result_file=None)
    runner._val_loop.evaluator = SimpleNamespace(metrics=[metric])
    CheckDataHook().before_run(runner)
    metric.result_file = 'found.json'
    with pytest.raises(DataError, match='^val_evaluator: result_file found.json is written once'):
        CheckDataHook().before_run(runner)
    runner._train_loop = dict(type='Loop')  # validation alone
    CheckDataHook().before_run(runner)


@pytest.mark.parametrize('error, expected', [
    (DataError('this is bad'), DataError),
    (OSError('disk gone'), OSError),
])
def test_the_other_processes_stop_too(runner, monkeypatch, error, expected):
    """Whatever stops the first process, the others get it as their error."""
    sent = []

    def check(dataset):
        raise error

    monkeypatch.setattr(check_data_hook, 'check_dataset', check)
    monkeypatch.setattr(check_data_hook, 'broadcast_object_list', lambda x: sent.append(list(x)))
    with pytest.raises(expected, match=re.escape(str(error))):
        CheckDataHook().before_run(runner)
    assert sent == [[str(error)]]

    def receive(outcome):
        outcome[0] = sent[0][0]

    monkeypatch.setattr(check_data_hook, 'is_main_process', lambda: False)
    monkeypatch.setattr(check_data_hook, 'broadcast_object_list', receive)
    with pytest.raises(DataError, match=str(error)):
        CheckDataHook().before_run(runner)


def check_as(rank, store, runner, answers):
    """What a process of a run of two does; only the data of the first one are bad."""
    dist.init_process_group('gloo', init_method=f'file://{store}', rank=rank, world_size=2)
    if rank == 0:
        runner._val_loop.dataloader.dataset.metainfo['num_keypoints'] = 5
    try:
        CheckDataHook().before_run(runner)
    except DataError as error:
        answers.put(str(error))
    dist.destroy_process_group()


def test_two_real_processes_stop_with_the_same_error(runner, monkeypatch, tmp_path):
    monkeypatch.setattr(check_data_hook, 'check_dataset', lambda dataset: 'kept all')
    fork = multiprocessing.get_context('fork')
    answers = fork.Queue()
    processes = [fork.Process(target=check_as, args=(rank, tmp_path / 'store', runner, answers))
                 for rank in range(2)]
    for process in processes:
        process.start()
    try:
        texts = [answers.get(timeout=60) for _ in processes]
    finally:
        for process in processes:
            process.join(10)
            process.kill()
    expected = 'Validation data, ann.json: 5 joints, but the head has out_channels=17'
    assert texts == [expected, expected]
