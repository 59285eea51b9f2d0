"""All shards of a plan: which are left, and doing them here or on a cluster of Ray."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rsn_mm.errors import CommandError, OptionError, RsnMmError
from rsn_mm.packages import needed
from rsn_mm.prediction.job import Summary

from .parts import existing_part
from .plan import Plan
from .settings import ShardSettings
from .worker import ShardWorker

logger = logging.getLogger(__name__)

#: Share of a CPU that Ray sets aside for a worker. On few cores, workers of a whole CPU leave none
#: for other tasks of the cluster.
CPUS = 0.5
#: Times that Ray starts a worker anew that has died, and gives its shard to it again.
RETRIES = 2
#: Seconds between two warnings about workers that have not started.
PATIENCE = 60.

Done = Iterator[tuple[int, Summary | None]]  # a shard, and what its part holds


def parts_of(plan: Plan) -> dict[int, Summary]:
    """What the parts hold that are there, by number.

    Raises:
        OutputError: If one is of another run.
    """
    found = ((shard.number, existing_part(plan, shard.number)) for shard in plan.shards)
    return {number: summary for number, summary in found if summary is not None}


def run_here(settings: ShardSettings, plan: Plan, numbers: Iterable[int],
             advance: Callable[[int], None]) -> Done:
    """Do shards in this process.

    Args:
        settings: What predicts.
        plan: The folder of parts.
        numbers: The shards.
        advance: Called with a number of images that are done.

    Yields:
        Each shard, and what :meth:`ShardWorker.run` returned.
    """
    worker = ShardWorker(settings)
    worker.load()
    for number in numbers:
        yield number, worker.run(plan, number, advance)


def run_on_ray(settings: ShardSettings, plan: Plan, numbers: Iterable[int],
               workers: int | None = None, cpus: float = CPUS) -> Done:
    """Do shards in actors of Ray, on the cluster of the environment or else on this machine.

    Args:
        settings: What predicts.
        plan: The folder of parts, which every machine of the cluster must have at the same path.
        numbers: The shards.
        workers: Number of actors (default: one per GPU or, without any, one per CPU).
        cpus: CPUs that an actor takes, which may be a part of one.

    Yields:
        Each shard, and what :meth:`ShardWorker.run` returned, in the order in which they are done.

    Raises:
        MissingPackageError: If Ray is not installed.
        OptionError: If the cluster has too few CPUs or GPUs.
        RsnMmError: What a worker has raised.
    """
    ray: Any = needed('ray', 'prediction on a cluster', 'ray')
    ours = not ray.is_initialized()
    if ours:
        ray.init(include_dashboard=False, logging_level=logging.WARNING)
    try:
        actors = _actors(ray, settings.absolute(), workers, cpus)
        pool = ray.util.ActorPool(actors)
        yield from pool.map_unordered(lambda actor, number: actor.run_shard.remote(plan, number),
                                      numbers)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, RsnMmError):
            raise error.cause from None
        raise
    except ray.exceptions.RayActorError as error:
        raise CommandError('a worker of Ray has died several times, perhaps for lack of memory; '
                           f'all parts that are done are kept: {str(error).splitlines()[0]}'
                           ) from error
    finally:
        if ours:
            ray.shutdown()


class ShardActor(ShardWorker):
    """A worker that says which shard it has done, since an actor's results come in any order."""

    def run_shard(self, plan: Plan, number: int) -> tuple[int, Summary | None]:
        """Predict a shard, see :meth:`ShardWorker.run`."""
        return number, self.run(plan, number)


def _actors(ray: Any, settings: ShardSettings, workers: int | None, cpus: float) -> list[Any]:
    """Start actors, and wait until they are loaded."""
    resources = ray.cluster_resources()
    gpus = 0 if str(settings.device).startswith('cpu') else min(int(resources.get('GPU', 0)), 1)
    limit = int(resources['GPU'] if gpus else resources.get('CPU', 0))
    count = max(limit, 1) if workers is None else workers
    for name, each in (('CPU', cpus), ('GPU', gpus)):
        if count * each > resources.get(name, 0):
            raise OptionError(f'{count} workers need {count * each:g} {name}s, and the cluster has '
                              f'{resources.get(name, 0):g}; ask for fewer')
    kind = ray.remote(num_cpus=cpus, num_gpus=gpus, max_restarts=RETRIES,
                      max_task_retries=RETRIES)(ShardActor)
    actors = [kind.remote(settings) for _ in range(count)]
    waiting = [actor.load.remote() for actor in actors]
    while waiting:
        loaded, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=PATIENCE)
        ray.get(loaded)  # raises what an actor has raised
        if waiting:
            logger.warning('%d of %d workers have not started yet; is the cluster busy?',
                           len(waiting), count)
    return actors
