"""Timing contestants in turns, so that what else a machine does hits them all."""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

#: Calls before the clock runs.
WARM_UP = 2
#: Seconds that a turn lasts at least: short calls are repeated, as whoever waits for them does.
MIN_TURN = 0.1
#: The contestant that ratios are taken to.
REFERENCE = 'MMPose'


@dataclass(frozen=True)
class Times:
    """Seconds of a call, of every round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    @property
    def quartiles(self) -> tuple[float, float]:
        return tuple(np.quantile(self.seconds, (0.25, 0.75)).tolist())

    def ratio(self, reference: 'Times') -> 'Times':
        """How many times as fast as the reference, round by round."""
        return Times(tuple(b / a for a, b in zip(self.seconds, reference.seconds)))


@dataclass
class Race:
    """One thing that contestants did in turns.

    Args:
        step: What a user waits for, one of the steps of the benchmark.
        case: Network, sizes, batch.
        times: By contestant.
        items: Samples that one call handles, for samples per second.
        flops: Floating-point operations of a call, by contestant, where they are counted.
        facts: What else was found, by name, as it is to be printed.
    """

    step: str
    case: str
    times: dict[str, Times]
    items: int = 1
    flops: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def ratios(self) -> dict[str, Times]:
        """Of all contestants but the reference, to it."""
        reference = self.times.get(REFERENCE)
        return {} if reference is None else {
            name: times.ratio(reference) for name, times in self.times.items()
            if name != REFERENCE}


def run_race(contestants: Mapping[str, Callable[[], object]], rounds: int,
             device: torch.device, warm_up: int = WARM_UP,
             min_turn: float = MIN_TURN) -> dict[str, Times]:
    """Let all contestants have ``rounds`` turns.

    Args:
        contestants: Their calls, by name.
        device: That has to finish before a call counts as done.
        warm_up: Calls of each that do not count.
        min_turn: Seconds in which a contestant is called again.
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
