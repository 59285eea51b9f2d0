"""Savitzky-Golay smoothing of a stream against scipy on whole tracks."""

import weakref

import numpy as np
import pytest
from mmengine.structures import InstanceData
from scipy.signal import savgol_filter

from rsn_mm.errors import OptionError
from rsn_mm.prediction.frames import Frame
from rsn_mm.video import savitzky_golay

RNG = np.random.default_rng(0)
IMAGE = np.zeros((4, 4, 3), np.uint8)


def stream(tracks, seconds):
    """Frames with the people of tracks, {id: (first frame, keypoints (T, K, 2))}, in any order."""
    for i, stamp in enumerate(seconds):
        present = [t for t, (start, points) in tracks.items() if start <= i < start + len(points)]
        present = RNG.permutation(present).astype(int)
        keypoints = [tracks[t][1][i - tracks[t][0]] for t in present]
        yield Frame(IMAGE, 'video', i, stamp), InstanceData(
            track_ids=present, keypoints=np.array(keypoints).reshape(-1, 2, 2),
            scores=np.ones(len(present)))


def by_track(frames):
    found = {}
    for _, people in frames:
        for track, keypoints in zip(people.track_ids.tolist(), people.keypoints):
            found.setdefault(track, []).append(keypoints)
    return {track: np.array(points) for track, points in found.items()}


@pytest.mark.parametrize('window, degree', [(7, 2), (5, 3), (9, 1), (1, 0)])
def test_as_scipy_on_whole_tracks(window, degree):
    tracks = {0: (0, RNG.normal(0, 9, (40, 2, 2))), 1: (5, RNG.normal(0, 9, (21, 2, 2))),
              2: (31, RNG.normal(0, 9, (9, 2, 2)))}
    found = list(savitzky_golay(stream(tracks, np.arange(40) / 25), window, degree))
    assert [frame.index for frame, _ in found] == list(range(40))
    for track, keypoints in by_track(found).items():
        np.testing.assert_allclose(
            keypoints, savgol_filter(tracks[track][1], window, degree, axis=0), atol=1e-9)


def test_polynomials_stay_as_they_are_at_any_time_stamps():
    seconds = np.cumsum(RNG.uniform(.01, .2, 30))
    parabola = (3 + 40 * seconds - 7 * seconds ** 2)[:, None, None] * np.ones((2, 2))
    found = by_track(savitzky_golay(stream({0: (0, parabola)}, seconds), 7, 2))
    np.testing.assert_allclose(found[0], parabola, rtol=1e-9)


def test_runs_that_are_short_or_broken():
    noise = RNG.normal(0, 9, (20, 2, 2))
    def frames():
        for frame, people in stream({0: (0, noise)}, np.arange(20) / 25):
            yield frame, people[people.track_ids > (-1 if frame.index not in (2, 8) else 9)]
    found = by_track(savitzky_golay(frames(), 7, 2))[0]
    # Frames 0 and 1 are too few for a parabola; 3 to 7 are fitted as a whole.
    expected = np.concatenate([noise[:2], savgol_filter(noise[3:8], 5, 2, axis=0),
                               savgol_filter(noise[9:], 7, 2, axis=0)])
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_people_without_track_are_left_as_they_are_and_input_is_not_changed():
    noise = RNG.normal(0, 9, (20, 2, 2))
    given = list(stream({-1: (0, noise), 4: (0, noise.copy())}, np.arange(20) / 25))
    before = [people.keypoints.copy() for _, people in given]
    found = list(savitzky_golay(given, 7, 2))
    np.testing.assert_array_equal(by_track(found)[-1], noise)
    assert not np.allclose(by_track(found)[4], noise)
    for (_, people), keypoints in zip(given, before):
        np.testing.assert_array_equal(people.keypoints, keypoints)
    assert (found[0][1].scores == 1).all()


def test_few_frames_are_held():
    alive = weakref.WeakSet()

    def frames():
        for i in range(100):
            frame = Frame(IMAGE.copy(), 'video', i, i / 25)
            alive.add(frame)
            yield frame, InstanceData(track_ids=np.zeros(1, int), keypoints=np.zeros((1, 2, 2)))
    most = 0
    for _ in savitzky_golay(frames(), 7, 2):
        most = max(most, len(alive))
    assert most <= 7 + 2  # those waiting, the one given out, the one that comes


@pytest.mark.parametrize('window, degree', [(6, 2), (3, 3), (5, -1)])
def test_refusals(window, degree):
    with pytest.raises(OptionError, match=f'window={window}, degree={degree}'):
        savitzky_golay([], window, degree)
