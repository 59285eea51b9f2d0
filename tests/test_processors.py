"""bfloat16 on a processor that has no instructions for it is a warning, not a mystery."""

import warnings

import pytest
import torch
from torch import nn

from rsn_mm.apis import optimize
from rsn_mm.engine import AmpOptimWrapper
from tests.export.tiny import tiny_model


def use_bfloat16():
    optimize(tiny_model(), dtype=torch.bfloat16)
    AmpOptimWrapper(optimizer=torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1))


@pytest.mark.parametrize('supported', [False, True])
def test_slow_bfloat16_is_a_warning(monkeypatch, supported):
    monkeypatch.setattr('rsn_mm.processors.has_bfloat16', lambda: supported)
    monkeypatch.setattr('rsn_mm.engine.amp.get_device', lambda: 'cpu')
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        use_bfloat16()
    found = [str(each.message) for each in caught if 'instructions for it' in str(each.message)]
    assert [message.split(':')[0] for message in found] == (
        [] if supported else ['optimize', 'AmpOptimWrapper'])


def test_float32_and_gpus_have_no_warning(monkeypatch):
    monkeypatch.setattr('rsn_mm.processors.has_bfloat16', lambda: False)
    monkeypatch.setattr('rsn_mm.engine.amp.get_device', lambda: 'cuda')
    with warnings.catch_warnings():
        warnings.filterwarnings('error', '.*instructions for it')
        optimize(tiny_model())
        AmpOptimWrapper(optimizer=torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1))
