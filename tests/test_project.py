"""What the repository says about itself: versions, the package's files, the workflow."""

import configparser
import re
import shlex
import subprocess
import sys

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import rsn_mm
from rsn_mm.compat import stack
from tests.fresh import ROOT

WORKFLOW = ROOT / '.github' / 'workflows' / 'checks.yml'

#: Prints the files of a wheel without building it.
LIST_PACKAGE = '''
from setuptools import Distribution
distribution = Distribution(dict(script_name='setup.py'))
distribution.parse_config_files()
command = distribution.get_command_obj('build_py')
command.ensure_finalized()
print(*command.get_outputs(), sep='\\n')
'''


@pytest.fixture(scope='module')
def jobs():
    """The workflow's jobs: the current versions and the oldest ones."""
    jobs = yaml.safe_load(WORKFLOW.read_text())['jobs']
    assert jobs.keys() == {'checks', 'oldest'}
    return jobs


@pytest.fixture(scope='module')
def job(jobs):
    """The job of the current versions."""
    return jobs['checks']


@pytest.fixture(scope='module')
def setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(ROOT / 'setup.cfg')
    return parser


def test_citation_names_this_version_and_both_papers():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert citation['cff-version'] == '1.2.0'
    assert {'message', 'title', 'authors'} <= citation.keys()
    assert citation['version'] == rsn_mm.__version__
    assert citation['license'] == 'Apache-2.0'
    readme = (ROOT / 'README.md').read_text()
    assert len(citation['references']) == 2
    for paper in citation['references']:
        assert f'[{paper["title"]}]({paper["url"]})' in readme
        first = paper['authors'][0]
        assert f'{first["given-names"]} {first["family-names"]}' in readme


def test_changelog_has_a_section_for_this_version_or_the_next():
    sections = re.findall(r'^## (.+)$', (ROOT / 'CHANGELOG.md').read_text(), re.M)
    assert sections[0] == 'Unreleased' or sections[0].startswith(f'{rsn_mm.__version__} ')


def test_package_holds_its_modules_and_the_typing_marker():
    # In a process of its own: setuptools must come before distutils.
    done = subprocess.run([sys.executable, '-c', LIST_PACKAGE], cwd=ROOT, text=True, check=True,
                          capture_output=True)
    packed = {path.partition('/lib/')[2] for path in done.stdout.splitlines()}
    expected = {str(path.relative_to(ROOT)) for path in (ROOT / 'rsn_mm').rglob('*.py')}
    assert packed >= expected | {'rsn_mm/py.typed'}
    assert all(path.startswith('rsn_mm/') for path in packed)


def test_workflow_runs_the_checks_of_the_repository(job):
    commands = [shlex.split(step['run']) for step in job['steps'] if 'run' in step]
    assert commands == [['bash', '.ci/run']]
    goals = re.findall(r'^make (\w+)$', (ROOT / '.ci' / 'run').read_text(), re.M)
    assert goals == ['lint', 'test']
    makefile = (ROOT / 'Makefile').read_text()
    for goal in goals:
        assert f'\n{goal}: setup\n' in makefile
    for variable in job['env']:
        assert f'\n{variable} ?=\n' in makefile  # the environment reaches tools/setup_env.sh


def test_workflow_covers_the_supported_versions(jobs, job, setup_cfg):
    supported = re.findall(r'Python :: (3\.\d+)', setup_cfg['metadata']['classifiers'])
    matrix = job['strategy']['matrix']
    assert matrix['python'] == supported
    accepted = SpecifierSet(setup_cfg['options']['python_requires'])
    assert supported[0] in accepted and f'3.{int(supported[0][2:]) - 1}' not in accepted
    assert f'Python {supported[0]} to {supported[-1]}' in (ROOT / 'docs/install.md').read_text()

    assert matrix.keys() == {'python'}  # with the torch of requirements/torch.txt
    newest = Requirement((ROOT / 'requirements/torch.txt').read_text().splitlines()[-1])
    *_, command = (shlex.split(step['run']) for step in jobs['oldest']['steps'] if 'run' in step)
    assert command[:2] == ['bash', 'tools/test_matrix.sh']
    assert f"rows=('{command[-1]}'\n" in (ROOT / 'tools/test_matrix.sh').read_text()
    python, _, requirements = command[-1].partition('=')
    assert python == f'python{supported[0]}'
    oldest, numpy, *_ = (Requirement(word) for word in requirements.split())
    least = next(r for r in stack.REQUIREMENTS if r.module == 'numpy')
    assert numpy.name == 'numpy' and next(iter(numpy.specifier)).version.startswith(least.minimum)
    accepted = next(r for r in stack.REQUIREMENTS if r.module == 'torch')
    version = Version(next(iter(oldest.specifier)).version)
    assert version.release[:2] == Version(accepted.minimum).release[:2]
    assert accepted.accepts(next(iter(newest.specifier)).version)
