"""Whether a checkpoint fits a model: it does in every parameter, or the message says where not."""

import pytest
import torch
from torch import nn

from rsn_mm.checkpoints.fitting import (
    check_fit,
    check_shapes,
    check_start,
    load_strictly,
    read_parameters,
)
from rsn_mm.errors import CheckpointError, ForeignCheckpointError


def model(joints: int = 4) -> nn.ModuleDict:
    return nn.ModuleDict(dict(body=nn.Linear(2, 3), head=nn.Linear(3, joints)))


@pytest.mark.parametrize('change, message', [
    (lambda s: s.pop('body.bias'), '1 missing: body.bias'),
    (lambda s: s.update(extra=torch.zeros(1)), '1 unknown: extra'),
    (lambda s: s.update({'body.bias': torch.zeros(2)}),
     r'1 of another shape: body.bias \(2,\), expected \(3,\)'),
    (lambda s: s.update({'body.new': s.pop('body.bias'), 'head.bias': torch.zeros(1, 4)}),
     r'1 missing: body.bias; 1 unknown: body.new; 1 of another shape: head.bias \(1, 4\), '
     r'expected \(4,\)'),
    (lambda s: s.update({f'x{i}': torch.zeros(1) for i in range(5)}),
     '5 unknown: x0, x1, x2 and 2 more'),
])
def test_every_difference_is_named(change, message, tmp_path):
    state = model().state_dict()
    check_fit(model(), state, 'a.pth')
    change(state)
    problem = 'does not fit the model of the config, which has 4 parameters'
    with pytest.raises(CheckpointError, match=f'^checkpoint a.pth {problem}: {message}$') as error:
        check_fit(model(), state, 'a.pth')
    assert not isinstance(error.value, ForeignCheckpointError)

    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict=state), path)
    mine = model()
    before = {name: value.clone() for name, value in mine.state_dict().items()}
    with pytest.raises(CheckpointError, match=f'^checkpoint {path} {problem}: {message}$'):
        load_strictly(mine, path)
    assert all(value.equal(before[name]) for name, value in mine.state_dict().items())


def test_the_comparison_is_exact():
    check_shapes(dict(a=torch.zeros(2, 3)), dict(a=(2, 3)), 'no')
    with pytest.raises(CheckpointError, match=r'^x: 1 of another shape: a \(2, 3\), expected'):
        check_shapes(dict(a=torch.zeros(2, 3)), dict(a=(3, 2)), 'x')


def test_a_checkpoint_of_other_software_is_told_apart():
    with pytest.raises(ForeignCheckpointError, match='first name in the checkpoint is conv1.w'):
        check_fit(model(), {'conv1.weight': torch.zeros(1)}, 'a.pth')


@pytest.mark.parametrize('wrap', [
    lambda s: s, lambda s: dict(state_dict=s), lambda s: dict(model=s),
    lambda s: {f'module.{name}': value for name, value in s.items()},
])
def test_strict_loading(wrap, tmp_path):
    theirs, mine = model(), model()
    torch.save(wrap(theirs.state_dict()), tmp_path / 'a.pth')
    load_strictly(mine, tmp_path / 'a.pth')
    assert all(a.equal(b) for a, b in zip(theirs.parameters(), mine.parameters(), strict=True))


def test_what_the_runner_would_load(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict=dict(a=torch.ones(1))), path)
    assert read_parameters(path)['a'] == 1
    for entry in ('model', 'ema_state_dict'):
        torch.save({entry: dict(a=torch.ones(1))}, path)
        with pytest.raises(ForeignCheckpointError, match=f'its weights in {entry}, expected state'):
            read_parameters(path)


def test_only_heads_may_start_anew(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict=model(joints=5).state_dict()), path)
    assert check_start(model(joints=5), path) is None
    line = check_start(model(joints=4), path)
    assert '2 of 4 parameters have another shape' in line
    assert 'head.weight (5, 3), here (4, 3) and 1 more' in line

    state = model().state_dict()
    for name, message in (('body.bias', r'1 of another shape: body.bias'), ('head.new', '1 unkn')):
        torch.save(dict(state_dict={**state, name: torch.zeros(1)}), path)
        with pytest.raises(CheckpointError, match=message):
            check_start(model(), path)
    state.pop('head.bias')
    torch.save(dict(state_dict=state), path)
    with pytest.raises(CheckpointError, match='1 missing: head.bias'):
        check_start(model(), path)
