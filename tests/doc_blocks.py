"""Find the fenced blocks of a page, and run or parse what they show.

A block runs in a :class:`Stage`: an empty folder with the configs and commands of the repository,
in which a page finds the files that it takes for granted.
"""

import argparse
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest
from mmengine.config import Config

from rsn_mm.cli.__main__ import module_of
from tests.tools.tiny_run import ROOT, call

FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.M | re.S)
ASSIGNMENT = re.compile(r'[A-Z_]+=')
INTERPRETER = re.compile(r'python|(\.venv|build/check|check)/bin/python')
#: Programs that end in a call of tools/NAME.py.
LAUNCHERS = ('dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh', 'slurm_predict.sh')
#: Does the first task of an array.
SBATCH = 'for last; do :; done\nSLURM_ARRAY_TASK_ID=0 sh -c "${last#--wrap=}"\n'


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f'{self.page}:{self.line}'


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text()
    name = str(page.relative_to(ROOT))
    return [Block(name, text[:match.start()].count('\n') + 1, *match.groups())
            for match in FENCE.finditer(text)]


def outside_of_blocks(page: Path) -> str:
    """The text of a page without its fenced blocks."""
    return FENCE.sub('', page.read_text())


class Command(NamedTuple):
    """A command line: its words, and the variables that stand before them."""

    words: list[str]
    variables: dict[str, str]

    def __str__(self) -> str:
        return shlex.join(self.words)


def commands_of(text: str) -> list[Command]:
    """Every command of a shell block."""
    commands = []
    for line in text.replace('\\\n', ' ').splitlines():
        words, variables = shlex.split(line, comments=True), {}
        while words and ASSIGNMENT.match(words[0]):
            name, _, variables[name] = words.pop(0).partition('=')
        if words:
            commands.append(Command(words, variables))
    return commands


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Make a folder the working folder."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


class Parsed(BaseException):
    """Ends a command once it has read its options. Not an Exception: no command may catch it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options


@contextmanager
def only_parsing() -> Iterator[None]:
    """Let commands read their options and then raise :class:`Parsed`."""
    def stop_after(parse):
        def parse_and_stop(*args, **kwargs):
            raise Parsed(parse(*args, **kwargs))
        return parse_and_stop

    parser = argparse.ArgumentParser
    with mock.patch.object(parser, 'parse_args', stop_after(parser.parse_args)), \
            mock.patch.object(
                parser, 'parse_intermixed_args', stop_after(parser.parse_intermixed_args)):
        yield


class Stage:
    """An empty folder with copies of configs and links to commands, and what blocks leave in it.

    Attributes:
        folder: Where blocks run.
        printed: What the last command printed.
        installed: Packages that commands would have installed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ''
        self.installed: set[str] = set()
        shutil.copytree(ROOT / 'configs', folder / 'configs')
        for name in ('tools', 'demo', 'examples', 'benchmarks', 'requirements'):
            (folder / name).symlink_to(ROOT / name)

    def python(self, text: str, **names: object) -> dict:
        """Run Python code in the folder; returns its names."""
        with inside(self.folder):
            exec(compile(text, 'block', 'exec'), names)
        return names

    def config(self, text: str, name: str) -> Config:
        """Write a config of the given name to the folder and read it."""
        path = self.folder / name
        path.write_text(text)
        with inside(self.folder):
            return Config.fromfile(path)

    def run(self, command: Command, capture: pytest.CaptureFixture) -> None:
        """Run one command to its end."""
        script, args = self._tool_of(command)
        here = [str(self.folder)] if command.variables.get('PYTHONPATH') == '.' else []
        capture.readouterr()
        with inside(self.folder), mock.patch.object(sys, 'path', [*here, *sys.path]):
            code = call(script, *args)
        self.printed = capture.readouterr().out
        assert code in (None, 0), f'{command}: {code}'

    def parse(self, command: Command) -> None:
        """Let the program of a command read its options, and check the files that it names."""
        words = command.words
        module = words[2] if INTERPRETER.fullmatch(words[0]) and words[1] == '-m' else None
        if words[0] in ('export', 'cd'):
            assert len(words) > 1
        elif words[0] == 'make':
            self._parse_make(words)
        elif words[0] == 'bash':
            self._parse_launcher(words[1:])
        elif words[0] == 'pip' or module == 'pip':
            self._parse_pip(words[words.index('pip') + 1:])
        elif module == 'pytest':
            collect(words[3:])
        elif module and not (ROOT / module).is_dir():
            assert module in self.installed or find_spec(module), f'there is no module {module}'
        elif words[1] == '-c':
            compile(words[2], str(command), 'exec')
        else:
            self._parse_tool(*self._tool_of(command))

    def _tool_of(self, command: Command) -> tuple[str, list[str]]:
        """The script of the repository that a command runs, and its arguments."""
        program, script, *args = command.words
        if Path(program).name == 'rsn-mm':
            assert module_of(script), f'rsn-mm has no command {script}'
            return f'tools/{module_of(script)}.py', args
        assert INTERPRETER.fullmatch(program), f'not a command that is known here: {command}'
        if script == '-m':
            script, args = f'{args[0]}/__main__.py', args[1:]
        assert (ROOT / script).is_file(), f'{script} does not exist'
        return script, args

    def _parse_make(self, words: list[str]) -> None:
        subprocess.run([*words, '--dry-run'], cwd=ROOT, check=True, capture_output=True)
        for word in words:
            if word.startswith('PYTEST_ARGS='):
                collect(shlex.split(word.partition('=')[2]))

    def _parse_tool(self, script: str, args: list[str]) -> None:
        with inside(self.folder), only_parsing():
            try:
                code = call(script, *args)
            except Parsed as parsed:
                check_configs(vars(parsed.options))
                return
        raise AssertionError(f'{script} {shlex.join(args)}: {code}')

    def _parse_launcher(self, words: list[str]) -> None:
        """Run a shell script with programs that print what they would run; parse that."""
        assert Path(words[0]).name in LAUNCHERS, words[0]
        programs = self.folder / 'programs'
        programs.mkdir(exist_ok=True)
        for name in ('srun', 'python'):
            (programs / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (programs / 'sbatch').write_text(f'#!/bin/sh\n{SBATCH}')
        for program in programs.iterdir():
            program.chmod(0o755)
        environment = {**os.environ, 'PATH': f'{programs}:{os.environ["PATH"]}', 'PYTHON': 'python'}
        run = subprocess.run(['bash', *words], cwd=self.folder, env=environment, text=True,
                             capture_output=True)
        assert run.returncode == 0, run.stderr
        started = run.stdout.splitlines()
        script = next(i for i, word in enumerate(started) if re.search(r'/tools/\w+\.py$', word))
        self._parse_tool(f'tools/{Path(started[script]).name}', started[script + 1:])

    def _parse_pip(self, words: list[str]) -> None:
        from pip._internal.commands import create_command

        with inside(self.folder):
            options, packages = create_command(words[0]).parser.parse_args(words[1:])
        self.installed.update(packages)
        requirements = getattr(options, 'requirements', [])
        for file in requirements:
            assert (ROOT / file).is_file(), f'{file} does not exist'
        assert packages or requirements or options.editables


def collect(arguments: list[str]) -> None:
    """Check that a selection of tests is not empty."""
    with inside(ROOT), redirect_stdout(io.StringIO()):
        code = pytest.main([*arguments, '--collect-only', '-q', '-p', 'no:cacheprovider'])
    assert code == pytest.ExitCode.OK, f'pytest {shlex.join(arguments)} finds no tests'


def check_configs(options: dict) -> None:
    """Read every config among the options of a command, and find what --cfg-options change."""
    values = [value for option in options.values()
              for value in (option if isinstance(option, list) else [option])]
    configs = [Config.fromfile(value) for value in map(str, values)
               if value.endswith('.py') and '::' not in value]
    for key in options.get('cfg_options') or {}:
        for node in configs:
            for part in key.split('.')[:-1]:
                node = node[int(part) if part.isdigit() else part]

