"""OpenMP's setting is made before torch, and never against the user."""

import pytest

from rsn_mm.threads import CHOICES, POLICY, wait_without_spinning
from tests.fresh import run_fresh


@pytest.mark.parametrize('name', CHOICES)
def test_what_the_user_chose_stays(monkeypatch, name):
    monkeypatch.delitem(__import__('sys').modules, 'torch')
    environment = {name: 'chosen'}
    assert not wait_without_spinning(environment)
    assert environment == {name: 'chosen'}
    nothing = {}
    assert wait_without_spinning(nothing)
    assert nothing == {POLICY: 'PASSIVE'}


def test_it_is_too_late_after_torch():
    environment = {}
    assert not wait_without_spinning(environment)
    assert environment == {}


def test_importing_the_package_first_sets_it():
    assert run_fresh('''
        import os
        os.environ.pop('OMP_WAIT_POLICY', None)
        import rsn_mm
        print(os.environ['OMP_WAIT_POLICY'])
    ''', bare=True).split() == ['PASSIVE']
