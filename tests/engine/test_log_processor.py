"""The lines of a run for the screen, beside the complete ones of the log."""

from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub
from mmengine.runner import LogProcessor as MMEngineLogProcessor

from rsn_mm.engine import LogProcessor
from rsn_mm.engine.screen_text import WIDTH, ScreenText, duration, metric_table


@pytest.fixture
def runner(request):
    """A runner in the middle of its second epoch, with scalars as of a long training."""
    hub = MessageHub.get_instance(request.node.name)
    for name, value in dict(loss=12345.678, stage3_unit3_ohkm=0.1, lr=4e-3, time=0.25,
                            data_time=0.01).items():
        hub.update_scalar(f'train/{name}', value)
    hub.update_scalar('val/time', 0.5)
    hub.update_scalar('val/data_time', 0.1)
    hub.update_scalar('val/coco/AP', 0.70312)
    hub.update_scalar('val/EPE', 3.25)
    hub.update_info('eta', 100 * 3600 + 61)
    loop = SimpleNamespace(dataloader=Loader(32, 10), max_iters=1640)
    return SimpleNamespace(
        message_hub=hub, epoch=1, iter=14, max_epochs=164, max_iters=1640, _train_loop=loop,
        train_loop=loop, val_loop=SimpleNamespace(dataloader=Loader(8, 4)))


class Loader(list):
    """As long as a loader, with its batch size."""

    def __init__(self, batch_size, length):
        super().__init__(range(length))
        self.batch_size = batch_size


def test_the_line_of_an_interval(runner):
    tag, text = LogProcessor(window_size=1).get_log_after_iter(runner, 4, 'train')
    assert text.screen == ('epoch   2/164   5/10  left 100:01:01   128.0 images/s  '
                           'loss 1.235e+04  lr 4.00e-03')
    plain_tag, plain = MMEngineLogProcessor(window_size=1).get_log_after_iter(runner, 4, 'train')
    assert (tag, str(text)) == (plain_tag, plain) and 'stage3_unit3_ohkm' in plain


def test_the_line_of_a_run_by_iterations(runner):
    _, text = LogProcessor(window_size=1, by_epoch=False).get_log_after_iter(runner, 14, 'train')
    assert text.screen.startswith('iteration   15/1640  left ')


def test_the_line_of_a_validation(runner):
    _, text = LogProcessor(window_size=1).get_log_after_iter(runner, 1, 'val')
    assert text.screen == 'validation  2/4  left 100:01:01    16.0 images/s'


def test_the_table_of_a_validation_has_all_metrics_and_no_times(runner):
    tag, text = LogProcessor(window_size=1).get_log_after_epoch(runner, 4, 'val')
    title, _, names, _, values, _ = text.screen.splitlines()
    assert title == 'validation after epoch 1'
    assert [cell.strip() for cell in names.split('│')[1:-1]] == ['AP', 'EPE']
    assert [cell.strip() for cell in values.split('│')[1:-1]] == ['0.703', '3.250']
    assert tag['coco/AP'] == 0.70312 and 'coco/AP: 0.7031' in text and 'data_time' in text


# -------------------------------------------------------------------------------------------- texts


def test_a_screen_text_is_its_complete_text():
    text = ScreenText('all of it', 'short')
    assert text == 'all of it' and str(text) == 'all of it' and text.screen == 'short'


@pytest.mark.parametrize('count, lines', [(3, 6), (10, 6), (40, 45)])
def test_many_metrics_are_one_below_the_other(count, lines):
    table = metric_table('test', {f'mpii/joint {i:02}': i / 100 for i in range(count)})
    assert len(table.splitlines()) == lines and max(map(len, table.splitlines())) <= WIDTH
    assert table.count('joint') == count and f'{(count - 1) / 100:.3f}' in table


def test_metrics_of_one_name_keep_their_prefixes():
    table = metric_table('test', {'coco/AP': 0.5, 'crowd/AP': 0.25})
    assert 'coco/AP' in table and 'crowd/AP' in table


@pytest.mark.parametrize('seconds, expected', [
    (0, '0:00:00'), (59.9, '0:00:59'), (3661, '1:01:01'), (360000, '100:00:00')])
def test_a_duration_has_as_many_hours_as_it_takes(seconds, expected):
    assert duration(seconds) == expected
