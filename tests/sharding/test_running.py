"""Runs on Ray, whose place this process takes: what is started, and how errors come back."""

import logging
import sys
from types import SimpleNamespace

import pytest

from rsn_mm.errors import CommandError, DataError, MissingPackageError, OptionError
from rsn_mm.sharding import prepare, running
from rsn_mm.sharding.running import parts_of, run_on_ray
from rsn_mm.sharding.sources import Manifest
from tests.sharding.jobs import settings_of, write_manifest


class RayTaskError(Exception):

    def __init__(self, cause):
        self.cause = cause


class RayActorError(Exception):
    pass


class Method:
    """A method of an actor, whose calls are put off until their results are asked for."""

    def __init__(self, method):
        self._method = method

    def remote(self, *args):
        def result():
            try:
                return self._method(*args)
            except Exception as error:
                raise RayTaskError(error) from error
        return result


class Pool:

    def __init__(self, actors):
        self._actors = actors

    def map_unordered(self, call, values):
        calls = [call(self._actors[n % len(self._actors)], each) for n, each in enumerate(values)]
        yield from (result() for result in reversed(calls))


class FakeRay:
    """The part of Ray that is used, on 2 CPUs."""

    def __init__(self, **resources):
        self.resources, self.started, self.options, self.is_up = resources, 0, {}, False
        self.exceptions = SimpleNamespace(RayTaskError=RayTaskError, RayActorError=RayActorError)
        self.util = SimpleNamespace(ActorPool=Pool)
        self.late = []

    def is_initialized(self):
        return self.is_up

    def init(self, **options):
        self.is_up = True

    def shutdown(self):
        self.is_up = False

    def cluster_resources(self):
        return self.resources

    def remote(self, **options):
        self.options = options

        def kind(cls):
            def start(*args):
                self.started += 1
                actor = cls(*args)
                return SimpleNamespace(load=Method(actor.load), run_shard=Method(actor.run_shard))
            return SimpleNamespace(remote=start)
        return kind

    def wait(self, refs, num_returns, timeout):
        return (refs[:1], refs[1:]) if self.late.pop() else (refs, [])

    def get(self, refs):
        return [ref() for ref in refs]


@pytest.fixture
def ray(monkeypatch):
    fake = FakeRay(CPU=2.)
    fake.late = [False, False]
    monkeypatch.setitem(sys.modules, 'ray', fake)
    return fake


def plan_of(folder, out, name='manifest.jsonl'):
    return prepare(out, Manifest(folder / name), settings_of(folder).identity(), 4)


def test_all_shards_are_done(folder, tmp_path, ray):
    plan = plan_of(folder, tmp_path / 'out')
    found = list(run_on_ray(settings_of(folder), plan, range(3)))
    assert [number for number, _ in found] == [2, 1, 0] and dict(found) == parts_of(plan)
    assert ray.started == 2 and ray.options == dict(
        num_cpus=0.5, num_gpus=0, max_restarts=2, max_task_retries=2)
    assert not ray.is_up


def test_a_cluster_that_is_there_stays(folder, tmp_path, ray):
    ray.is_up = True
    list(run_on_ray(settings_of(folder), plan_of(folder, tmp_path / 'out'), [0], workers=1))
    assert ray.is_up and ray.started == 1


@pytest.mark.parametrize('device, resources, workers, started, gpus', [
    (None, dict(CPU=8, GPU=2), None, 2, 1), ('cpu', dict(CPU=8, GPU=2), None, 8, 0),
    (None, dict(CPU=8), None, 8, 0), (None, dict(CPU=2), 4, 4, 0),
    ('cuda', dict(CPU=9, GPU=4), 3, 3, 1)])
def test_workers_fit_the_cluster(folder, ray, monkeypatch, device, resources, workers, started,
                                 gpus):
    monkeypatch.setattr(running.ShardActor, 'load', lambda self: None)
    ray.resources = resources
    running._actors(ray, settings_of(folder, device=device), workers, 0.5)
    assert (ray.started, ray.options['num_gpus']) == (started, gpus)


@pytest.mark.parametrize('device, resources, workers, message', [
    ('cpu', dict(CPU=2), 5, '5 workers need 2.5 CPUs, and the cluster has 2; ask for fewer'),
    ('cuda', dict(CPU=9, GPU=2), 3, '3 workers need 3 GPUs, and the cluster has 2'),
    ('cpu', {}, None, '1 workers need 0.5 CPUs, and the cluster has 0')])
def test_too_many_workers_are_refused_and_do_not_wait(folder, tmp_path, ray, device, resources,
                                                      workers, message):
    ray.resources = resources
    with pytest.raises(OptionError, match=message):
        list(run_on_ray(settings_of(folder, device=device), plan_of(folder, tmp_path / 'out'), [0],
                        workers))
    assert not ray.is_up and not ray.started


def test_workers_that_start_late_are_told(folder, tmp_path, ray, caplog):
    ray.late = [False, True]
    with caplog.at_level(logging.WARNING):
        list(run_on_ray(settings_of(folder), plan_of(folder, tmp_path / 'out'), [0]))
    assert '1 of 2 workers have not started yet' in caplog.text


def test_errors_of_workers_come_back_as_they_were(folder, tmp_path, ray, monkeypatch):
    write_manifest(folder / 'gone.jsonl', [dict(id=1, path='no.png', boxes=[])])
    plan = plan_of(folder, tmp_path / 'out', 'gone.jsonl')
    with pytest.raises(DataError, match='gone.jsonl, line 1: .*no.png does not exist'):
        list(run_on_ray(settings_of(folder), plan, [0], 1))
    ray.late = [False]
    monkeypatch.setattr(running.ShardActor, 'load', lambda self: 1 / 0)
    with pytest.raises(RayTaskError):  # an error of the program keeps its traceback
        list(run_on_ray(settings_of(folder), plan, [0], 1))
    assert not ray.is_up


def test_a_worker_that_has_died_is_told(folder, tmp_path, ray, monkeypatch):
    def die(self, *args):
        raise RayActorError('The actor died.\nmore')

    monkeypatch.setattr(Pool, 'map_unordered', die)
    with pytest.raises(CommandError, match='has died several times.*kept: The actor died.$'):
        list(run_on_ray(settings_of(folder), plan_of(folder, tmp_path / 'out'), [0]))


def test_without_ray_the_message_says_what_to_install(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(MissingPackageError, match=r"pip install 'rsn_mm\[ray\]'"):
        list(run_on_ray(settings_of(folder), plan_of(folder, tmp_path / 'out'), [0]))
