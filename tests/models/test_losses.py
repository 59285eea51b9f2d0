"""The loss against golden numbers and against a plain loop."""

import numpy as np
import pytest
import torch

from rsn_mm.models import CoarseToFineLoss
from rsn_mm.models.losses import mse_loss, ohkm_loss
from tests import golden


def slow_loss(outputs, targets, visibility, topk: int) -> float:
    """Unit by unit, sample by sample, joint by joint."""
    total = 0.
    for s, units in enumerate(outputs):
        for u, output in enumerate(units):
            level = u + 1 if s == len(outputs) - 1 else u
            for b, flags in enumerate(visibility):
                errors = []
                for k, flag in enumerate(flags):
                    target = targets[b, level, k]
                    if u < len(units) - 1:
                        wanted = target if flag > 1 else np.zeros_like(target)
                        errors.append(((output[b, k] - wanted)**2).mean())
                    else:
                        errors.append(((output[b, k] - target)**2).mean() * (flag > 0))
                if u < len(units) - 1:
                    total += 0.25 * np.mean(errors) / len(visibility)
                else:
                    total += np.mean(sorted(errors)[-topk:]) / len(visibility)
    return total


def random_batch(stages: int, joints: int = 16, size=(8, 6)):
    rng = np.random.default_rng(stages)
    outputs = rng.uniform(0, 255, (stages, 4, 2, joints, *size))
    targets = rng.uniform(0, 255, (2, 5, joints, *size))
    return outputs, targets, rng.integers(0, 3, (2, joints))


def test_total_and_gradients_equal_the_released_loss():
    data = golden.load('loss')
    outputs = torch.from_numpy(data['outputs']).requires_grad_()
    loss = CoarseToFineLoss(num_stages=2)(
        outputs, torch.from_numpy(data['heatmaps']), torch.from_numpy(data['visibility']))
    loss.backward()
    assert loss.item() == pytest.approx(data['total_loss'].item(), rel=1e-5)
    np.testing.assert_allclose(
        outputs.grad.abs().sum((2, 3, 4, 5)), data['grad_abs_sum'], rtol=1e-4)


@pytest.mark.parametrize('stages', [1, 3])
def test_equals_the_loop(stages):
    outputs, targets, flags = random_batch(stages)
    loss = CoarseToFineLoss(stages, topk=5)(*map(torch.from_numpy, (outputs, targets, flags)))
    assert loss.item() == pytest.approx(slow_loss(outputs, targets, flags, 5), rel=1e-6)


def test_terms_add_up_and_name_stage_and_unit():
    outputs, targets, flags = map(torch.from_numpy, random_batch(2))
    loss = CoarseToFineLoss(2, loss_weight=0.5)
    terms = loss.terms(outputs, targets, flags)
    assert list(terms) == [f'stage{s}_unit{u}_{kind}' for s in range(2) for u, kind in enumerate(
        ['mse', 'mse', 'mse', 'ohkm'])]
    assert sum(terms.values()).item() == pytest.approx(loss(outputs, targets, flags).item())
    plain = CoarseToFineLoss(2)(outputs, targets, flags).item()
    assert loss(outputs, targets, flags).item() == pytest.approx(0.5 * plain)


def levels_and_kinds(loss, outputs, targets, flags):
    """What each unit of each stage learned: its level and the kind of its loss, found by value."""
    found = {}
    for (name, value), (s, u) in zip(loss.terms(outputs, targets, flags).items(),
                                     np.ndindex(outputs.shape[:2])):
        weight = 1 if u == outputs.shape[1] - 1 else 0.25
        expected = {(level, kind): compute(outputs[s, u], targets[:, level], flags, *args)
                    for level in range(targets.shape[1])
                    for kind, compute, *args in (('mse', mse_loss),
                                                 ('ohkm', ohkm_loss, loss.topk or 1))}
        matches = [key for key, number in expected.items()
                   if torch.isclose(value, number * (weight if key[1] == 'mse' else 1))]
        assert len(matches) == 1 and name == f'stage{s}_unit{u}_{matches[0][1]}'
        found[s, u] = matches[0]
    return found


@pytest.mark.parametrize('options, last_kind, last_shift', [
    (dict(), 'ohkm', 1),
    (dict(topk=None), 'mse', 1),
    (dict(coarse_to_fine=False), 'ohkm', 0),
    (dict(topk=None, coarse_to_fine=False), 'mse', 0),
])
def test_switches(options, last_kind, last_shift):
    """OHKM and the finer targets of the last stage, each on and off, as in the released code."""
    batch = list(map(torch.from_numpy, random_batch(2)))
    assert levels_and_kinds(CoarseToFineLoss(2, **options), *batch) == {
        (s, u): (u + s * last_shift, last_kind if u == 3 else 'mse')
        for s in range(2) for u in range(4)}


def test_topk_of_all_joints_is_the_mean_over_joints():
    outputs, targets, flags = map(torch.from_numpy, random_batch(1))
    term = CoarseToFineLoss(1, topk=16).terms(outputs, targets, flags)['stage0_unit3_ohkm']
    assert CoarseToFineLoss(1, topk='all').terms(outputs, targets, flags)[
        'stage0_unit3_ohkm'] == term
    errors = (outputs[0, 3] - targets[:, 4]).square().mean((-2, -1))
    torch.testing.assert_close(term, torch.where(flags > 0, errors, 0).mean())


def test_only_labeled_joints_reach_the_last_unit():
    outputs, targets, flags = map(torch.from_numpy, random_batch(1))
    outputs.requires_grad_()
    CoarseToFineLoss(1, topk=16)(outputs, targets, flags).backward()
    reached = outputs.grad[0, 3].abs().sum((-2, -1)) > 0
    torch.testing.assert_close(reached, flags > 0)


@pytest.mark.parametrize('stages, levels, topk, message', [
    (2, 5, 8, 'outputs of 1 stages, expected num_stages=2'),
    (1, 4, 8, 'targets of 4 levels, expected 5'),
    (1, 5, 17, 'topk=17 of 16 joints'),
])
def test_what_does_not_fit_is_refused(stages, levels, topk, message):
    outputs, targets, flags = map(torch.from_numpy, random_batch(1))
    with pytest.raises(ValueError, match=message):
        CoarseToFineLoss(stages, topk=topk)(outputs, targets[:, :levels], flags)


@pytest.mark.parametrize('arguments', [dict(num_stages=0), dict(num_stages=1, topk=0)])
def test_bad_options(arguments):
    with pytest.raises(ValueError, match='expected 1 or more'):
        CoarseToFineLoss(**arguments)
