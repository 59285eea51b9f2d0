"""The set-up script, with a made-up Python that writes down what it is asked to install."""

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests.fresh import ROOT

# Does what the script asks of a Python and its pip: answers -c, makes a .venv with a copy of
# itself, writes down every other call. `fail-on` names the one call that fails, `hang-on` the one
# that never ends.
FAKE_PYTHON = '''#!/bin/bash
here={here}
case "$*" in
    *rsn_mm,*) call=import ;;
    "-c import venv"*) {venv}; exit ;;
    *_base_executable*) [[ ! -e .venv/pyvenv.cfg ]] || echo "$here/python3"; exit ;;
    "-c "*version_info*) echo {version}; exit ;;
    "-c "*) exec {python} "$@" ;;
    "-m venv "*) call=venv; mkdir -p "$3/bin"; cp "$here/python3" "$3/bin/python" ;;
    *) call="${{@: -1}}" ;;
esac
echo "$*" >> "$here/calls"
[[ ! -e $here/hang-on || $call != *"$(cat "$here/hang-on")"* ]] || sleep 600
[[ ! -e $here/fail-on || $call != *"$(cat "$here/fail-on")"* ]] || exit 1
[[ $call != venv ]] || touch "$3/pyvenv.cfg"
'''


class Machine:
    """A copy of what the set-up reads, and a made-up Python."""

    def __init__(self, folder: Path):
        self.repo, self.home = folder / 'repo', folder / 'home'
        self.home.mkdir()
        shutil.copytree(ROOT / 'requirements', self.repo / 'requirements')
        (self.repo / 'tools').mkdir()
        for name in ('tools/setup_env.sh', 'setup.cfg', 'pyproject.toml', 'Makefile'):
            shutil.copy(ROOT / name, self.repo / name)
        self.write_python()

    def write_python(self, version: str = '3.11.7', venv: str = 'exit 0') -> None:
        python = self.home / 'python3'
        python.write_text(FAKE_PYTHON.format(
            here=self.home, python=sys.executable, version=version, venv=venv))
        python.chmod(0o755)

    def start(self, **variables: str) -> subprocess.Popen:
        env = {**os.environ, 'PATH': f'{self.home}:{os.environ["PATH"]}', **variables}
        # `make test` runs these too: what it hands down is not meant for the make started here
        inherited = {'PYTHON', 'TORCH', 'CC', 'MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'PYTEST_ARGS'}
        for name in inherited - set(variables):
            env.pop(name, None)
        return subprocess.Popen(
            ['make', 'setup'], cwd=self.repo, env=env, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def setup(self, **variables: str) -> tuple[int, str]:
        process = self.start(**variables)
        out, _ = process.communicate(timeout=300)
        return process.returncode, out

    def calls(self) -> list[str]:
        """What was asked of the Python since the last look."""
        path = self.home / 'calls'
        calls = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return calls


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path)


def test_everything_is_installed_once(machine):
    code, out = machine.setup()
    assert code == 0, out
    calls = machine.calls()
    assert calls[0] == '-m venv .venv'
    installed = ' '.join(calls[1:-1])
    order = [installed.index(f'requirements/{name}.txt')
             for name in ('torch', 'build', 'runtime', 'openmmlab', 'xtcocotools')]
    assert order == sorted(order)
    assert '--no-deps -r requirements/openmmlab.txt' in installed
    assert '--no-deps --no-build-isolation -r requirements/xtcocotools.txt' in installed
    assert calls[-3].endswith('--no-deps --no-build-isolation -e .')
    assert calls[-2].startswith('-m compileall ') and installed.count('--no-compile') == 4
    assert 'import rsn_mm' in calls[-1]
    assert '--index' not in installed and '://' not in installed

    assert machine.setup() == (0, '')
    assert machine.calls() == []


def test_what_is_not_named_again_stays_as_chosen(machine):
    machine.setup(TORCH='torch==2.8.0 --pre')
    assert any(' torch==2.8.0 --pre -r ' in call for call in machine.calls())
    assert machine.setup() == (0, '')
    assert machine.setup(PYTHON=str(machine.home / 'python3')) == (0, '')
    (machine.repo / 'requirements' / 'runtime.txt').write_text('mmengine==0.10.8\n')
    assert 'the requirements have changed' in machine.setup()[1]
    assert any(' torch==2.8.0 --pre -r ' in call for call in machine.calls())


@pytest.mark.parametrize('path', ['requirements/openmmlab.txt', 'setup.cfg'])
def test_a_change_of_what_is_required_installs_anew(machine, path):
    machine.setup()
    machine.calls()
    (machine.repo / '.venv' / 'old').touch()
    with open(machine.repo / path, 'a') as file:
        file.write('# changed\n')
    code, out = machine.setup()
    assert code == 0 and 'the requirements have changed' in out
    assert len(machine.calls()) == 7
    assert not (machine.repo / '.venv' / 'old').exists()


def test_another_python_installs_anew(machine):
    machine.setup()
    machine.calls()
    other = machine.home / 'python3.12'
    other.write_text((machine.home / 'python3').read_text().replace(
        '    "-c "*version_info*)', '    "-c "*sys.version.*) echo 3.12.0 other; exit ;;\n'
        '    "-c "*version_info*)'))
    other.chmod(0o755)
    assert 'the requirements have changed' in machine.setup(PYTHON=str(other))[1]
    assert len(machine.calls()) == 7


@pytest.mark.parametrize('step', ['venv', 'openmmlab.txt', 'xtcocotools.txt', 'import'])
def test_a_failed_setup_says_so_and_starts_anew(machine, step):
    (machine.home / 'fail-on').write_text(step)
    code, out = machine.setup()
    assert code != 0
    assert out.count('failed, for the reason above') == 1
    assert 'run again: make setup' in out
    (machine.home / 'fail-on').unlink()
    machine.calls()
    code, out = machine.setup()
    assert code == 0 and 'the last setup did not finish' in out
    assert len(machine.calls()) == 7


@pytest.mark.parametrize('step', ['venv', 'xtcocotools.txt', 'import'])
def test_a_killed_setup_starts_anew(machine, step):
    (machine.home / 'hang-on').write_text(step)
    process = machine.start()
    deadline = time.time() + 120
    while step not in ''.join(machine.calls()):
        assert time.time() < deadline and process.poll() is None
        time.sleep(.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (machine.home / 'hang-on').unlink()
    code, out = machine.setup()
    assert code == 0 and 'the last setup did not finish' in out
    assert len(machine.calls()) == 7


def test_two_setups_at_once_install_once(machine):
    first, second = machine.start(), machine.start()
    assert first.wait(300) == second.wait(300) == 0
    assert len(machine.calls()) == 7


def test_a_venv_of_the_user_is_not_touched(machine):
    mine = machine.repo / '.venv' / 'mine'
    mine.parent.mkdir()
    mine.touch()
    code, out = machine.setup()
    assert code != 0 and 'mv .venv .venv.mine' in out
    assert mine.exists() and machine.calls() == []
    assert os.listdir(mine.parent) == ['mine']


@pytest.mark.parametrize('python, variables, message', [
    # an older one, and one that prints its version whatever it is asked
    (dict(version='3.9.18'), {}, 'is Python 3.9.18, and rsn_mm needs 3.10 or newer'),
    (dict(version='Python 2.7.18'), {}, 'is Python 2.7.18, and rsn_mm needs 3.10 or newer'),
    (dict(version='""'), {}, 'does not run as a Python'),
    ({}, dict(PYTHON='no-such-python'), "there is no 'no-such-python'"),
    (dict(venv='exit 1'), {}, 'apt-get install python3.11-venv'),
    ({}, dict(CC='no-such-compiler -O2'), 'apt-get install gcc python3.11-dev'),
])
def test_what_is_missing_is_one_sentence_with_its_mend(machine, python, variables, message):
    machine.write_python(**python)
    code, out = machine.setup(**variables)
    complaint, _ = out.split('\nmake', 1)
    assert code != 0
    assert message in complaint and complaint.startswith('setup: ') and '\n' not in complaint
    assert 'PYTHON=python3.11 make setup' in complaint or 'apt-get install' in complaint
    assert not (machine.repo / '.venv').exists() and machine.calls() == []


def test_the_wheel_holds_every_module_and_nothing_else(tmp_path):
    source = tmp_path / 'source'
    shutil.copytree(ROOT / 'rsn_mm', source / 'rsn_mm',
                    ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('setup.cfg', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, source)
    (source / 'tests').mkdir()
    (source / 'tests' / '__init__.py').touch()
    files = {str(path.relative_to(source)) for path in (source / 'rsn_mm').rglob('*')
             if path.is_file() and '.mim' not in path.parts}  # tests/test_wheel.py is about these
    subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation',
         '-w', tmp_path / 'wheel', source], check=True, capture_output=True)
    wheel, = (tmp_path / 'wheel').glob('rsn_mm-*.whl')
    with zipfile.ZipFile(wheel) as file:
        packed = {name for name in file.namelist() if '.dist-info/' not in name
                  and '/.mim/' not in name}
        meta, = (name for name in file.namelist() if name.endswith('METADATA'))
        requires = [line for line in file.read(meta).decode().splitlines()
                    if line.startswith('Requires-')]
    assert packed == files and 'rsn_mm/models/backbones/rsn.py' in files
    assert 'Requires-Python: >=3.10' in requires
    # nothing that would change or fail to install into an environment that has MMPose
    assert [line for line in requires if line.startswith('Requires-Dist') and 'extra' not in line
            ] == ['Requires-Dist: packaging']
