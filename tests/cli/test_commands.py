"""One module per command, which a file of tools/ and ``rsn-mm`` call."""

import argparse
import configparser
import sys
from importlib import import_module

import pytest

from rsn_mm.cli import __main__ as rsn_mm_command
from rsn_mm.cli import benchmark
from rsn_mm.cli.running import run_command
from rsn_mm.errors import CommandError, DataError
from tests.tools.tiny_run import ROOT, fork, spawn

MODULES = sorted(path.stem for path in (ROOT / 'tools').glob('*.py'))


def exit_of(function, *args):
    with pytest.raises(SystemExit) as exit_:
        function(*args)
    return exit_.value.code


# ----------------------------------------------------------------------------------- the commands


def test_every_tool_is_a_command():
    commands = rsn_mm_command.COMMANDS
    assert sorted(commands.values()) == MODULES
    assert all(name.isalpha() for name in commands)  # one word each
    assert rsn_mm_command.module_of('get-flops') == 'get_flops' == commands['flops']
    assert rsn_mm_command.module_of('flop') is None


@pytest.mark.parametrize('name', MODULES)
def test_a_tool_calls_the_main_of_its_command(name):
    text = (ROOT / 'tools' / f'{name}.py').read_text()
    assert f'from rsn_mm.cli.{name} import main\n' in text and len(text.splitlines()) < 10
    module = import_module(f'rsn_mm.cli.{name}')
    assert isinstance(module.build_parser(), argparse.ArgumentParser)
    assert exit_of(module.main, ['--help']) == 0


def test_all_commands_are_listed(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['rsn-mm'])
    assert exit_of(rsn_mm_command.main) == 0
    listed = capsys.readouterr().out
    assert all(f'\n  {name} ' in listed for name in rsn_mm_command.COMMANDS)
    assert exit_of(rsn_mm_command.main, ['trian']) == 2
    assert 'choose from' in capsys.readouterr().err


def test_a_command_is_named_and_gets_the_arguments(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['rsn-mm', 'print-config', 'no.py'])
    assert exit_of(rsn_mm_command.main) == (
        'rsn-mm print-config: error: config no.py does not exist')
    assert exit_of(rsn_mm_command.main, ['flops', '--help']) == 0
    assert capsys.readouterr().out.startswith('usage: rsn-mm flops [-h]')


def test_the_console_script_is_that_command():
    parser = configparser.ConfigParser()
    parser.read(ROOT / 'setup.cfg')
    name, target = parser['options.entry_points']['console_scripts'].strip().split(' = ')
    module, function = target.split(':')
    assert name == rsn_mm_command.PROGRAM
    assert getattr(import_module(module), function) is rsn_mm_command.main


def test_the_package_runs_as_a_module_and_a_tool_from_anywhere(tmp_path):
    for started in (
            spawn(sys.executable, '-m', 'rsn_mm.cli', 'print-config', 'no.py', cwd=tmp_path),
            fork('print_config.py', 'no.py', cwd=tmp_path)):
        with started as process:
            output = process.stdout.read()
        assert process.returncode == 1
        assert output.splitlines()[-1].endswith(': error: config no.py does not exist')


# ------------------------------------------------------------------------------------ run_command


def run_raising(error):
    def command(args):
        raise error
    return exit_of(run_command, command, argparse.Namespace(), 'tool.py')


def test_what_the_user_can_mend_is_one_message():
    assert run_raising(CommandError('no such thing')) == 'tool.py: error: no such thing'
    assert run_raising(DataError('bad box')) == 'tool.py: error: bad box'


@pytest.mark.parametrize('name', ['RANK', 'SLURM_PROCID'])
def test_only_the_first_process_reports(monkeypatch, name):
    for each in ('RANK', 'SLURM_PROCID'):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, '1')
    assert run_raising(CommandError('no such thing')) == 1
    monkeypatch.setenv(name, '0')
    assert run_raising(CommandError('no such thing')) == 'tool.py: error: no such thing'


def test_other_errors_keep_their_traceback():
    def command(args):
        raise ValueError('a mistake of ours')

    with pytest.raises(ValueError, match='a mistake of ours'):
        run_command(command, argparse.Namespace(), 'tool.py')


def test_success_does_not_end_the_process():
    seen = []
    run_command(seen.append, argparse.Namespace(number=3), 'tool.py')
    assert seen == [argparse.Namespace(number=3)]


def test_analyze_hands_its_options_on(capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['rsn-mm'])
    assert exit_of(rsn_mm_command.main, ['analyze', 'flops', '--help']) == 0
    assert capsys.readouterr().out.startswith('usage: rsn-mm analyze flops [-h]')
    assert exit_of(rsn_mm_command.main, ['analyze', 'flop']) == 2
    assert "invalid choice: 'flop'" in capsys.readouterr().err


def test_the_benchmark_is_run_from_anywhere_in_the_repository(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, 'argv', ['rsn-mm'])
    monkeypatch.setattr(sys, 'path', list(sys.path))
    monkeypatch.chdir(tmp_path)
    assert '--rounds 0: expected 1 or more' in exit_of(
        rsn_mm_command.main, ['benchmark', '--rounds', '0'])
    monkeypatch.setattr(benchmark, 'REPOSITORY', tmp_path)
    assert 'is a part of the repository and not of the wheel' in exit_of(
        rsn_mm_command.main, ['benchmark'])
