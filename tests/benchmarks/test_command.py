import json

import pytest

from benchmarks import machine
from tests.fresh import run_fresh
from tests.tools.tiny_run import call


@pytest.fixture(autouse=True)
def small_matrices(monkeypatch):
    monkeypatch.setattr(machine, 'MATRIX_SIZES', dict(cpu=64))


def test_table_files_and_picture(tmp_path, capsys):
    out = tmp_path / 'out'
    arguments = ('--device', 'cpu', '--steps', 'encode', 'decode', '--rounds', '1', '--out', out)
    assert call('benchmarks/__main__.py', *arguments) is None
    assert 'targets: 5 levels, 17 joints, batch 32' in capsys.readouterr().out
    found = json.loads((out / 'benchmark.json').read_text())
    assert [race['step'] for race in found['races']] == ['targets', 'decode', 'decode']
    for race in found['races']:
        theirs, mine = race['times']['MMPose'], race['times']['ours']
        assert race['ratios'] == {'ours': pytest.approx(theirs[0] / mine[0])}
    assert found['machine']['threads'] >= 1 and found['matmul_flops_per_second']['fp32'] > 0
    assert '**decode**' in (out / 'benchmark.md').read_text()
    assert (out / 'benchmark.png').stat().st_size > 1000
    assert 'is there already' in call('benchmarks/__main__.py', *arguments)


@pytest.mark.parametrize('arguments, message', [
    (('--rounds', '0'), '--rounds 0: expected 1 or more'),
    (('--threads', '-1'), '--threads -1: expected 1 or more'),
    (('--data', 'nothing.py'), 'config nothing.py does not exist'),
    (('--checkpoint', 'nothing.pth'), '--checkpoint nothing.pth does not exist'),
    (('--steps', 'precision'), '--steps precision needs --checkpoint'),
    (('--device', 'abacus'), '--device abacus'),
])
def test_bad_options(arguments, message):
    assert message in call('benchmarks/__main__.py', *arguments)


def test_the_module_starts_where_nothing_is_imported():
    # OpenMMLab's packages can be imported only after rsn_mm has patched them.
    run_fresh('''
        import runpy, sys
        sys.argv[1:] = ['--rounds', '0']
        try:
            runpy.run_module('benchmarks', run_name='__main__')
        except SystemExit as end:
            assert '--rounds 0: expected 1 or more' in end.code, end.code
    ''')
