"""Processes that need not import torch, SciPy and Matplotlib again.

Most of the seconds in which a tool starts go into importing these. The processes here are forked
from one that has imported them, but nothing of OpenMMLab or of this package.
"""

import atexit
import multiprocessing
import os
import runpy
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
FORKS = multiprocessing.get_context('forkserver')
FORKS.set_forkserver_preload([
    'cv2', 'matplotlib.pyplot', 'pandas', 'rich.table', 'scipy.stats', 'sympy', 'torch',
    'torch._dynamo', 'torch.distributed.optim', 'torch.export'])


class Fork:
    """A Python process that runs a script or code: what the tests use of ``subprocess.Popen``.

    Args:
        script: The path of a file, or code with ``is_code``.
        args: What follows it on the command line.
        cwd: The folder in which it runs.
        env: All its variables.
        merge: Both outputs are in ``stdout``; otherwise there is ``stderr`` as well.
        log: A file to which both outputs are appended instead.
    """

    stdout: IO[str] | None = None
    stderr: IO[str] | None = None

    def __init__(self, script: object, *args: object, cwd: Path, env: dict[str, str],
                 is_code: bool = False, merge: bool = True, log: Path | None = None
                 ) -> None:
        number = 0 if log else 1 if merge else 2
        pipes = [FORKS.Pipe(duplex=False) for _ in range(number)]
        self._process = FORKS.Process(target=_run, args=(
            str(script), [str(arg) for arg in args], str(cwd), env, is_code,
            [write for _, write in pipes], log))
        self._process.start()
        for name, (read, write) in zip(('stdout', 'stderr'), pipes):
            write.close()
            setattr(self, name, os.fdopen(os.dup(read.fileno()), encoding='utf-8'))
            read.close()
        self.pid = self._process.pid

    def __enter__(self) -> 'Fork':
        return self

    def __exit__(self, *_) -> None:
        self.wait()
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self) -> int:
        self._process.join()
        return self.returncode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def _run(script: str, args: list[str], cwd: str, env: dict[str, str], is_code: bool,
         outputs: list[Connection], log: Path | None) -> None:
    files = [open(log, 'a')] if log else outputs
    for number, file in zip((1, 2), files * (3 - len(files)), strict=True):
        os.dup2(file.fileno(), number)
    for file in files:
        file.close()
    sys.stdout = open(1, 'w', buffering=1, encoding='utf-8', closefd=False)
    sys.stderr = open(2, 'w', buffering=1, encoding='utf-8', closefd=False)
    multiprocessing.set_start_method(None, force=True)  # it is FORKS here, unlike in a tool
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = ['-c' if is_code else script, *args]
    try:
        if is_code:
            exec(compile(script, '<string>', 'exec'), {'__name__': '__main__'})
        else:
            sys.path[:0] = [os.path.dirname(script), *env['PYTHONPATH'].split(os.pathsep)]
            runpy.run_path(script, run_name='__main__')
    finally:
        atexit._run_exitfuncs()
