"""Whether what a checkpoint holds can be used."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from rsn_mm.checkpoints.fitting import check_fit
from rsn_mm.checkpoints.values import check_dataset_meta, check_values
from rsn_mm.errors import CheckpointError

GOOD = torch.ones(2, 3)


def nested() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch warns of its prototype
        return torch.nested.nested_tensor([GOOD])


@pytest.mark.parametrize('name, tensor, fault', [
    ('a.weight', torch.tensor([1, np.nan]), 'has NaN in it'),
    ('a.weight', torch.tensor([np.inf, np.nan]), 'has NaN in it'),
    ('a.weight', torch.tensor([1, -np.inf]), 'has infinite numbers'),
    ('a.weight', torch.tensor([np.nan]).half(), 'has NaN in it'),
    ('a.weight', torch.tensor([np.nan]).bfloat16(), 'has NaN in it'),
    ('a.weight', torch.tensor([np.nan]).to(torch.float8_e4m3fn), 'has NaN in it'),
    ('a.weight', torch.tensor([np.nan]).expand(10**6, 10**6), 'has NaN in it'),
    ('anything', torch.tensor([np.nan]), 'has NaN in it'),
    *((f'a.{part}', GOOD.long(), r'has integers .torch.int64.')
      for part in ('weight', 'bias', 'running_mean', 'running_var')),
    ('weight', GOOD.bool(), r'has integers .torch.bool.'),
    ('a.weight', GOOD + 1j, 'has complex numbers'),
    ('a.weight', GOOD.to_sparse(), 'is sparse or nested'),
    ('a.weight', GOOD.to_sparse_csr(), 'is sparse or nested'),
    ('a.weight', nested(), 'is sparse or nested'),
    ('a.weight', GOOD.to('meta'), 'is on the meta device and has no values'),
])
@pytest.mark.parametrize('entry', [None, 'state_dict', 'model', 'ema_state_dict'])
def test_tensors_that_are_no_weights(name, tensor, fault, entry):
    state = {'first.weight': GOOD, name: tensor, 'last.weight': torch.tensor([np.nan])}
    checkpoint = state if entry is None else {entry: state}
    with pytest.raises(CheckpointError, match=f'^a.pth: {name} {fault}, expected a dense tensor of '
                                              'finite floating-point numbers$'):
        check_values(checkpoint, 'a.pth')


@pytest.mark.parametrize('checkpoint', [
    {'a.weight': GOOD, 'a.num_batches_tracked': torch.tensor(3), 'index': torch.arange(3)},
    {'a.weight': GOOD.half(), 'a.bias': GOOD.bfloat16(), 'b.weight': GOOD.to(torch.float8_e5m2),
     'c.weight': torch.zeros(0), 'd.weight': GOOD.t(), 'e.weight': torch.tensor(1.)},
    # The state of an optimizer is not looked at.
    dict(state_dict={'a.weight': GOOD}, optimizer={'a': torch.tensor([np.nan])}),
    {}, [], 'text', dict(state_dict=3, meta=None), {0: GOOD},
])
def test_what_else_is_left_to_others(checkpoint):
    check_values(checkpoint, 'a.pth')


def test_a_small_file_does_not_claim_all_memory():
    """A thousand billion elements of one number in memory."""
    giant = torch.zeros(1).expand(10**6, 10**6)
    overlapping = torch.zeros(2 * 10**6).as_strided((10**6, 10**6), (1, 1))
    for tensor in (giant, overlapping):
        check_values({'weight': tensor}, 'a.pth')
        with pytest.raises(CheckpointError, match=r'weight \(1000000, 1000000\), expected \(3, 2'):
            check_fit(nn.Linear(2, 3, bias=False), {'weight': tensor}, 'a.pth')


FLIP = 'expected each joint once'


@pytest.mark.parametrize('found, message', [
    ('coco', 'is a str, expected a dict'),
    (['nose'], 'is a list, expected a dict'),
    (dict(from_file='a.py'), "names the config 'a.py'"),
    (dict(flip_indices=[0, 5], num_keypoints=2), FLIP),
    (dict(flip_indices=[0, -1], num_keypoints=2), FLIP),
    (dict(flip_indices=[0, 0], num_keypoints=2), FLIP),
    (dict(flip_indices=[1, 0], num_keypoints=3), FLIP),
    (dict(flip_indices=[1., 0.], num_keypoints=2), FLIP),
    (dict(flip_indices=['a', 0], num_keypoints=2), FLIP),
    (dict(flip_indices=2, num_keypoints=2), FLIP),
    (dict(flip_indices=[1, 0], num_keypoints='2'), FLIP),
    (dict(flip_indices=[2, 0]), FLIP),
])
def test_descriptions_of_joints_that_are_none(found, message):
    with pytest.raises(CheckpointError, match=f'^a.pth is refused: .*{message}'):
        check_dataset_meta(dict(meta=dict(dataset_meta=found)), 'a.pth')


@pytest.mark.parametrize('checkpoint', [
    dict(meta=dict(dataset_meta=dict(flip_indices=[1, 0, 2], num_keypoints=3))),
    dict(meta=dict(dataset_meta=dict(flip_indices=[1, 0]))),
    dict(meta=dict(dataset_meta=dict(classes=('person', )))),
    dict(meta=dict(dataset_meta=None)), dict(meta={}), dict(meta=3), {}, [], None,
])
def test_checkpoints_need_no_description(checkpoint):
    check_dataset_meta(checkpoint, 'a.pth')
