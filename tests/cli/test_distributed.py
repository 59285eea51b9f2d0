"""What launchers leave in the environment, and gloo where there is no GPU."""

import os
import stat

import pytest
import torch
import torch.distributed as dist
from mmengine.config import Config

from rsn_mm.cli import distributed

PYTORCH = dict(RANK='1', WORLD_SIZE='2', LOCAL_RANK='1')
NAMES = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')


@pytest.fixture
def started(monkeypatch):
    """The environment in which a process group was asked for, and of what kind."""
    calls = []
    for name in {*NAMES, *sum(distributed.RANK_VARIABLES.values(), ())}:
        monkeypatch.setenv(name, '')  # so that what the code sets is undone
        monkeypatch.delenv(name)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(dist, 'init_process_group', lambda backend, timeout: calls.append(
        (backend, timeout.seconds, *(os.environ.get(name) for name in NAMES))))
    return calls


def set_env(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize('launcher, variables, expected', [
    ('pytorch', {**PYTORCH, 'MASTER_ADDR': 'first', 'MASTER_PORT': '1234'},
     ('gloo', 600, '1', '2', '1', 'first', '1234')),
    ('pytorch', PYTORCH, ('gloo', 600, '1', '2', '1', '127.0.0.1', '29500')),
    ('mpi', dict(OMPI_COMM_WORLD_RANK='3', OMPI_COMM_WORLD_SIZE='4', OMPI_COMM_WORLD_LOCAL_RANK='0',
                 MASTER_ADDR='first'), ('gloo', 600, '3', '4', '0', 'first', '29500')),
    ('slurm', dict(SLURM_PROCID='5', SLURM_NTASKS='8', SLURM_LOCALID='1', SLURM_NODELIST='n[1-4]'),
     ('gloo', 600, '5', '8', '1', 'n1', '29500')),
])
def test_without_a_gpu_the_launchers_environment_starts_gloo(
        started, monkeypatch, tmp_path, launcher, variables, expected):
    scontrol = tmp_path / 'scontrol'
    scontrol.write_text('#!/bin/sh\n[ "$*" = "show hostnames n[1-4]" ] && printf "n1\\nn2\\n"\n')
    scontrol.chmod(scontrol.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv('PATH', f'{tmp_path}{os.pathsep}{os.environ["PATH"]}')
    set_env(monkeypatch, variables)
    cfg = Config(dict(launcher=launcher, find_unused_parameters=True))
    distributed.prepare(cfg)
    assert started == [expected]
    assert cfg.model_wrapper_cfg == dict(
        type='rsn_mm.CPUDistributedDataParallel', find_unused_parameters=True)


@pytest.mark.parametrize('launcher, gpu', [('none', False), ('pytorch', True)])
def test_without_a_launcher_or_with_a_gpu_nothing_is_done(started, monkeypatch, launcher, gpu):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    set_env(monkeypatch, PYTORCH)
    cfg = Config(dict(launcher=launcher))
    distributed.prepare(cfg)
    assert not started and 'model_wrapper_cfg' not in cfg


def test_a_launcher_that_did_not_start_the_process_is_an_error(started):
    with pytest.raises(ValueError, match='--launcher slurm: the environment has no SLURM_PROCID'):
        distributed.prepare(Config(dict(launcher='slurm')))


def test_a_wrapper_of_ones_own_is_kept(started, monkeypatch):
    set_env(monkeypatch, PYTORCH)
    cfg = Config(dict(launcher='pytorch', model_wrapper_cfg=dict(type='Other')))
    distributed.prepare(cfg)
    assert cfg.model_wrapper_cfg.type == 'Other'
