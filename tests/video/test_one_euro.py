"""The 1-euro filter: against its definition number by number, and what it does to movement."""

import math

import numpy as np
import pytest

from rsn_mm.errors import OptionError
from rsn_mm.video import OneEuro

RNG = np.random.default_rng(0)


def one_euro_of(values, seconds, size, min_cutoff, gain, speed_cutoff):
    """The definition for a single number over time."""
    def alpha(cutoff, elapsed):
        return 1 / (1 + 1 / (2 * math.pi * cutoff * elapsed))
    smoothed, speed = [values[0]], 0.
    for i in range(1, len(values)):
        elapsed = seconds[i] - seconds[i - 1]
        raw_speed = (values[i] - smoothed[-1]) / elapsed / size
        a = alpha(speed_cutoff, elapsed)
        speed = a * raw_speed + (1 - a) * speed
        a = alpha(min_cutoff + gain * abs(speed), elapsed)
        smoothed.append(a * values[i] + (1 - a) * smoothed[-1])
    return smoothed


def test_as_defined_for_people_who_come_and_change_places():
    seconds = np.cumsum(RNG.uniform(.01, .1, 40))
    tracks = {3: RNG.normal(100, 20, (40, 2, 2)), 8: RNG.normal(50, 5, (40, 2, 2))}
    sizes = {3: 80., 8: 30.}
    smooth = OneEuro(min_cutoff=1.5, speed_gain=4., speed_cutoff=.7)
    found = {3: [], 8: []}
    for i in range(40):
        present = [3] if i < 10 else [3, 8] if i % 2 else [8, 3]
        result = smooth(np.array(present), np.stack([tracks[t][i] for t in present]),
                        np.array([sizes[t] for t in present]), seconds[i])
        for track, keypoints in zip(present, result):
            found[track].append(keypoints)
    for track, start in (3, 0), (8, 10):
        for joint in range(2):
            for axis in range(2):
                expected = one_euro_of(tracks[track][start:, joint, axis], seconds[start:],
                                       sizes[track], 1.5, 4., .7)
                np.testing.assert_allclose(np.array(found[track])[:, joint, axis], expected)


def run(positions, seconds, size=200.):
    smooth = OneEuro()
    return np.array([smooth(np.array([0]), np.full((1, 1, 2), x), np.array([size]), t)[0, 0, 0]
                     for x, t in zip(positions, seconds)])


def test_rest_is_quiet_and_fast_movement_is_followed():
    seconds = np.arange(100) / 25
    noise = RNG.normal(0, 2, 100)
    assert run(100 + noise, seconds)[20:].std() < noise[20:].std() / 2
    moving = 400 * seconds  # two person sizes a second
    late = (moving - run(moving, seconds))[30:] / 400
    assert late.max() < .02  # seconds


def test_the_same_for_large_and_small_people():
    seconds, positions = np.arange(30) / 25, np.cumsum(RNG.normal(0, 5, 30))
    np.testing.assert_allclose(run(positions * 4, seconds, 400),
                               run(positions, seconds, 100) * 4)


def test_people_without_track_and_after_a_long_gap_are_left_as_they_are():
    smooth = OneEuro(forget_seconds=.5)
    one, two = np.zeros((1, 3, 2), np.float32), np.full((1, 3, 2), 50, np.float32)
    size = np.array([100.])
    for track, seconds, expected in ((-1, 0, True), (-1, .04, True), (0, .08, True),
                                     (0, .12, False), (0, .7, True)):
        result = smooth(np.array([track]), two if seconds in (.04, .12, .7) else one, size, seconds)
        assert result.dtype == np.float32
        assert (result == two).all() == (expected and seconds not in (0, .08)), seconds
    assert smooth(np.zeros(0, int), np.zeros((0, 3, 2)), np.zeros(0), 9).shape == (0, 3, 2)
    assert not smooth._tracks  # the memory of tracks that ended is given back


def test_refusals():
    for options in (dict(min_cutoff=0), dict(speed_cutoff=-1), dict(speed_gain=-1)):
        with pytest.raises(OptionError, match=f'{list(options)[0]}={list(options.values())[0]}'):
            OneEuro(**options)
