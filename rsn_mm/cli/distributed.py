"""Distributed runs: their processes, and gloo for machines without a GPU."""

import atexit
import os
import subprocess
import sys
from datetime import timedelta

import torch
import torch.distributed as dist
from mmengine.config import Config

from rsn_mm.errors import OptionError

DEFAULT_PORT = '29500'
#: Seconds, where env_cfg.dist_cfg.timeout does not say otherwise.
DEFAULT_PATIENCE = 600

#: What the launchers call rank, number of processes and rank on the node.
RANK_VARIABLES = dict(
    pytorch=('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    slurm=('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    mpi=('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'))
LAUNCHERS = ('none', *RANK_VARIABLES)


def prepare(cfg: Config) -> None:
    """Let a distributed run without a GPU go over gloo; call it before ``Runner.from_cfg``.

    mmengine would ask for CUDA whatever the backend. Nothing is done with ``launcher='none'``,
    with a GPU, or if the process group exists already.

    Args:
        cfg: The run's config, whose ``model_wrapper_cfg`` is set.

    Raises:
        OptionError: If the launcher's environment variables are missing.
    """
    launcher = cfg.get('launcher', 'none')
    if launcher == 'none' or torch.cuda.is_available():
        return
    if not dist.is_initialized():
        _set_environment(launcher)
        dist.init_process_group('gloo', timeout=timedelta(seconds=patience(cfg)))
    wrapper = cfg.get('model_wrapper_cfg') or dict(
        find_unused_parameters=cfg.get('find_unused_parameters', False))
    if wrapper.get('type', 'MMDistributedDataParallel') == 'MMDistributedDataParallel':
        cfg.model_wrapper_cfg = {**wrapper, 'type': 'rsn_mm.CPUDistributedDataParallel'}


def patience(cfg: Config) -> float:
    """Seconds after which a process that does not answer the others ends a distributed run."""
    env_cfg = cfg.get('env_cfg') or {}
    return (env_cfg.get('dist_cfg') or {}).get('timeout', DEFAULT_PATIENCE)


def is_first_process() -> bool:
    """Whether this is the process that speaks for a run, also before the process group exists."""
    return os.environ.get('RANK', os.environ.get('SLURM_PROCID', '0')) == '0'


def close_process_group() -> None:
    """Close the process group, if there is one."""
    if dist.is_initialized():
        dist.destroy_process_group()


def exit_without_teardown() -> None:
    """End a process of a distributed run over gloo with status 0; other processes go on.

    The last step of a command that has done its work. Gloo's threads release their last tensors
    at a time of their own. If the interpreter is being torn down by then, the process aborts
    ("terminate called without an active exception"), although everything has been written. So the
    process ends without that teardown.
    """
    if not dist.is_initialized() or dist.get_backend() != 'gloo':
        return
    dist.barrier()  # a process that ends closes connections that the others may still use
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _set_environment(launcher: str) -> None:
    """Set the variables that torch reads, from those of the launcher."""
    missing = [name for name in RANK_VARIABLES[launcher] if name not in os.environ]
    if missing:
        raise OptionError(f'--launcher {launcher}: the environment has no {", ".join(missing)}; '
                          'start with tools/dist_train.sh, dist_test.sh, slurm_train.sh or '
                          'slurm_test.sh, or leave --launcher out')
    for name, source in zip(RANK_VARIABLES['pytorch'], RANK_VARIABLES[launcher]):
        os.environ[name] = os.environ[source]
    os.environ.setdefault('MASTER_PORT', DEFAULT_PORT)
    if 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = _first_host() if launcher == 'slurm' else '127.0.0.1'


def _first_host() -> str:
    """The first host of a Slurm job."""
    hosts = subprocess.run(
        ['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']],
        capture_output=True, text=True, check=True).stdout
    return hosts.split()[0]
