"""A try with one sample leaves no traces, and names what fails in it."""

import logging
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset, ConcatDataset
from torch import nn

from rsn_mm.engine.trial import check_same_images, packed_sample, without_traces
from rsn_mm.errors import EntryError, OptionError


class Numbers(BaseDataset):
    """Samples that are made of their path."""

    def load_data_list(self):
        return [dict(img_path=f'images/{i}.png', img_id=i) for i in (1, 2)]


def numbers(*transforms):
    return Numbers(pipeline=list(transforms), serialize_data=False)


def fail(sample):
    raise ZeroDivisionError('by zero')


def test_random_numbers_modes_statistics_and_the_log_stay_as_they_are():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout())
    model[1].eval()
    logger = logging.getLogger('of a trial')
    logger.setLevel(logging.INFO)
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    expected = torch.rand(1).item(), np.random.rand(), random.random()
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    with without_traces(model, logger):
        model(torch.rand(4, 2))
        np.random.rand(), random.random()
        assert not model.training and not logger.isEnabledFor(logging.INFO)
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == expected
    assert model.training and model[0].training and not model[1].training
    assert model[0].running_mean.tolist() == [0, 0] and logger.level == logging.INFO


def test_every_dataset_of_a_wrapper_is_tried():
    assert packed_sample(numbers(), 'data')['img_id'] == 1
    assert packed_sample(ConcatDataset([numbers(), numbers()]), 'data')['img_id'] == 1
    with pytest.raises(EntryError, match=r'^data\.datasets\.1\.pipeline\.1 \(function\) fails for '
                       r'images/1\.png: ZeroDivisionError: by zero'):
        packed_sample(ConcatDataset([numbers(), numbers(dict, fail)]), 'data')


@pytest.mark.parametrize('images, message', [
    ({1: dict(file_name='1.png')}, 'image 2 of .* is images/2.png, and the file has none of this'),
    ({1: dict(file_name='1.png'), 2: dict(file_name='7.png')}, 'and 7.png in the file'),
])
def test_annotations_of_other_images_are_refused(images, message):
    metric = SimpleNamespace(coco=SimpleNamespace(imgs=images))
    with pytest.raises(OptionError, match=f'^val_evaluator.0.ann_file .*{message}'):
        check_same_images(metric, numbers(), 'val_evaluator.0')
    images.update({1: dict(file_name='images/1.png'), 2: dict(file_name='2.png')})
    check_same_images(metric, numbers(), 'val_evaluator.0')
    check_same_images(SimpleNamespace(), numbers(), 'val_evaluator.0')
