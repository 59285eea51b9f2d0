"""The weights in a checkpoint, wherever they are stored."""

import pytest
import torch

from rsn_mm.checkpoints.contents import meta_of, read_weights, weights_entry, weights_of
from rsn_mm.errors import CheckpointError

W, V = torch.zeros(1), torch.ones(1)
MMENGINE = dict(mmengine_version='0.10.7')


@pytest.mark.parametrize('checkpoint, entry', [
    (dict(a=W), None),
    (dict(model=dict(a=W), optimizer={}), 'model'),
    (dict(state_dict=dict(a=W), meta={}), 'state_dict'),
    (dict(state_dict=dict(a=W), model=dict(a=V)), 'state_dict'),
    (dict(ema_state_dict=dict(a=W)), 'ema_state_dict'),
    # Averaged weights are preferred; mmengine stores them in state_dict, others as they say.
    (dict(state_dict=dict(a=V), ema_state_dict=dict(a=W)), 'ema_state_dict'),
    (dict(state_dict=dict(a=W), ema_state_dict=dict(a=V), meta=MMENGINE), 'state_dict'),
    (dict(ema_state_dict=dict(a=W), meta=MMENGINE), 'ema_state_dict'),
    # parallel training, and the counter of an averaged model
    ({'module.a': W}, None),
    (dict(ema_state_dict={'module.a': W, 'steps': V}), 'ema_state_dict'),
])
def test_where_the_weights_are(checkpoint, entry):
    assert weights_entry(checkpoint)[0] == entry
    weights, notes = weights_of(checkpoint)
    assert weights.keys() == {'a'} and weights['a'] is W
    assert bool(notes) == ('ema_state_dict' in checkpoint)


@pytest.mark.parametrize('checkpoint, message', [
    ([1], 'a list, expected a dict of weights'),
    ({}, 'the checkpoint is empty'),
    (dict(state_dict={}), 'state_dict is empty'),
    (dict(model=W), 'model is a Tensor, expected a dict of weights'),
    (dict(a=W, epoch=3), 'the checkpoint has entries that are not tensors: epoch'),
    ({0: W}, 'the checkpoint has entries that are not tensors: 0'),
    ({'module.a': W, 'b': W}, "some names have the prefix 'module.', others do not: b"),
])
def test_what_has_no_weights(checkpoint, message, tmp_path):
    with pytest.raises(CheckpointError, match=f'^{message}'):
        weights_of(checkpoint)
    path = tmp_path / 'a.pth'
    torch.save(checkpoint, path)
    with pytest.raises(CheckpointError, match=f'^checkpoint {path}: {message}'):
        read_weights(path)


def test_meta_data():
    assert meta_of(dict(meta=dict(epoch=1))) == dict(epoch=1)
    assert meta_of(dict(meta='x')) == meta_of({}) == {}
