from copy import deepcopy

import pytest
import torch
from mmengine.optim import AmpOptimWrapper as MMEngineAmpOptimWrapper
from mmengine.registry import OPTIM_WRAPPERS, DefaultScope
from torch import nn

import rsn_mm  # noqa: F401
from rsn_mm.engine import AmpOptimWrapper


def make(model, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    return AmpOptimWrapper(optimizer=optimizer, **options)


def train(model, wrapper, steps):
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    losses = []
    for _ in range(steps):
        with wrapper.optim_context(model):
            y = model(x)
            assert y.dtype == torch.bfloat16
        loss = (y.float() - 250).square().mean()  # sums beyond what float16 holds
        wrapper.update_params(loss)
        losses.append(loss.item())
    return losses


def test_it_trains_in_bfloat16_with_parameters_in_float32():
    torch.manual_seed(0)
    model = nn.Linear(4, 2)
    wrapper = make(model)
    losses = train(model, wrapper, 30)
    assert isinstance(wrapper, MMEngineAmpOptimWrapper)
    assert model.weight.dtype == torch.float32
    assert losses[0] > 60_000 and losses[-1] < losses[0] - 100
    assert all(b < a for a, b in zip(losses, losses[1:]))


def test_a_config_finds_it_from_mmpose_scope():
    with DefaultScope.overwrite_default_scope('mmpose'):
        wrapper = OPTIM_WRAPPERS.build(dict(
            type='rsn_mm.AmpOptimWrapper', dtype='bfloat16',
            optimizer=torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1)))
    assert type(wrapper) is AmpOptimWrapper


@pytest.mark.parametrize('options, message', [
    (dict(dtype='float16'), "dtype='float16', expected 'bfloat16'.*overflows"),
    (dict(dtype=torch.float16), 'dtype=torch.float16'),
    (dict(dtype='float32'), 'OptimWrapper'),
    (dict(dtype=None), 'dtype=None'),
    (dict(loss_scale='dynamic'), "loss_scale='dynamic' has no effect"),
    (dict(use_fsdp=True), 'use_fsdp=True has no effect'),
])
def test_other_types_and_loss_scales_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make(nn.Linear(1, 1), **options)


@pytest.mark.parametrize('extra', [
    {},
    {'loss_scaler': {'scale': 65536., 'growth_factor': 2.}},  # of mmengine's wrapper on a GPU
])
def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(extra):
    torch.manual_seed(1)
    model = nn.Linear(4, 2)
    wrapper = make(model)
    train(model, wrapper, 3)
    weights, state = deepcopy((model.state_dict(), {**wrapper.state_dict(), **extra}))
    expected = train(model, wrapper, 3)

    resumed = nn.Linear(4, 2)
    resumed.load_state_dict(weights)
    wrapper = make(resumed)
    wrapper.load_state_dict(state)
    assert train(resumed, wrapper, 3) == expected
    # A fresh optimizer would have gone elsewhere.
    resumed.load_state_dict(weights)
    assert train(resumed, make(resumed), 3) != expected


def test_gradients_are_clipped_and_accumulated():
    model = nn.Linear(4, 2)
    wrapper = make(model, clip_grad=dict(max_norm=1e-3), accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 4)
    before = model.weight.clone()
    train(model, wrapper, 1)
    assert torch.equal(model.weight, before)
    train(model, wrapper, 1)
    assert not torch.equal(model.weight, before)
