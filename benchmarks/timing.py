"""Times contestants in turns, so that other load on the machine affects all of them."""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

#: Number of calls before the timing starts.
WARM_UP = 2
#: Shortest duration of a turn in seconds; short calls are repeated.
MIN_TURN = 0.1
#: The contestant that all ratios refer to.
REFERENCE = 'MMPose'


@dataclass(frozen=True)
class Times:
    """Seconds per call in every round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    @property
    def quartiles(self) -> tuple[float, float]:
        return tuple(np.quantile(self.seconds, (0.25, 0.75)).tolist())

    def ratio(self, reference: 'Times') -> 'Times':
        """How many times as fast as the reference, for each round."""
        return Times(tuple(b / a for a, b in zip(self.seconds, reference.seconds)))


@dataclass
class Race:
    """One task that the contestants did in turns.

    Args:
        step: Name of the step.
        case: Network, sizes and batch, as text.
        times: Times of each contestant.
        items: Number of samples that one call handles, for samples per second.
        flops: Floating-point operations per call of the contestants for which they are counted.
        facts: Other results by name, as text.
    """

    step: str
    case: str
    times: dict[str, Times]
    items: int = 1
    flops: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def ratios(self) -> dict[str, Times]:
        """The ratios of all other contestants to the reference."""
        reference = self.times.get(REFERENCE)
        return {} if reference is None else {
            name: times.ratio(reference) for name, times in self.times.items()
            if name != REFERENCE}


def run_race(contestants: Mapping[str, Callable[[], object]], rounds: int,
             device: torch.device, warm_up: int = WARM_UP,
             min_turn: float = MIN_TURN) -> dict[str, Times]:
    """Give every contestant ``rounds`` turns.

    Args:
        contestants: The calls by name.
        rounds: Number of turns of each contestant.
        device: Device that must finish before a call counts as done.
        warm_up: Number of calls of each contestant that do not count.
        min_turn: Shortest duration of a turn in seconds, during which the call is repeated.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for call in contestants.values():
        for _ in range(warm_up):
            call()
    _wait_for(device)
    gc.collect()
    for _ in range(rounds):
        for name, call in contestants.items():
            seconds[name].append(_time_turn(call, device, min_turn))
    return {name: Times(tuple(values)) for name, values in seconds.items()}


def _time_turn(call: Callable[[], object], device: torch.device, min_turn: float) -> float:
    start, calls, elapsed = time.perf_counter(), 0, 0.
    while calls == 0 or elapsed < min_turn:
        call()
        _wait_for(device)
        calls += 1
        elapsed = time.perf_counter() - start
    return elapsed / calls


def _wait_for(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
