import pytest
import torch

from benchmarks import report
from benchmarks.timing import Race, Times, run_race

CPU = torch.device('cpu')


def test_contestants_take_turns():
    calls = []
    times = run_race({'a': lambda: calls.append('a'), 'b': lambda: calls.append('b')}, 3, CPU,
                     warm_up=2, min_turn=0)
    assert calls == ['a'] * 2 + ['b'] * 2 + ['a', 'b'] * 3
    assert [len(t.seconds) for t in times.values()] == [3, 3]
    assert min(times['a'].seconds) > 0


def test_short_calls_are_repeated():
    calls = []
    times = run_race({'a': lambda: calls.append('a')}, 1, CPU, warm_up=0, min_turn=0.01)
    assert len(calls) > 10
    assert 0.01 <= times['a'].median * len(calls) < 1


def test_ratios_are_taken_round_by_round():
    race = Race('step', 'case', dict(
        MMPose=Times((2., 4., 30.)), ours=Times((1., 1., 10.)), slow=Times((4., 8., 60.))))
    ratios = race.ratios()
    assert ratios['ours'].seconds == (2, 4, 3) and ratios['ours'].median == 3
    assert ratios['slow'].quartiles == (0.5, 0.5)
    assert 'MMPose' not in ratios
    assert Race('step', 'case', dict(ours=Times((1., )))).ratios() == {}


def test_table_of_a_race():
    race = Race('forward', 'case', dict(MMPose=Times((0.4, )), bf16=Times((0.1, ))), items=8,
                flops=dict(MMPose=20e9, bf16=20e9))
    rows = report.rows(race, dict(fp32=100e9, bf16=400e9))
    assert rows == [
        ('MMPose', '400.00 (400.00-400.00)', '20.0', '', '50%'),
        ('bf16', '100.00 (100.00-100.00)', '80.0', '4.00 (4.00-4.00)', '50%')]
    page = report.to_markdown(dict(device='x'), dict(fp32=100e9, bf16=400e9), [race])
    assert '| bf16 | 100.00 (100.00-100.00) | 80.0 | 4.00 (4.00-4.00) | 50% |' in page


@pytest.mark.parametrize('steps', [('forward', ), ('scaling', ), ('forward', 'scaling')])
def test_plot(steps, tmp_path):
    cases = ['RSN-18 256x192, batch 8', '2x RSN-18 256x192, batch 8', 'RSN-18 256x192, batch 1',
             'RSN-18 384x288, batch 8']
    races = [Race(step, case, dict(MMPose=Times((2., 3.)), ours=Times((1., 2.))))
             for step in steps for case in cases]
    report.plot(races, tmp_path / 'plot.png')
    assert (tmp_path / 'plot.png').stat().st_size > 10_000
