"""People keep their ids, whatever the order of their boxes and the score of others."""

import numpy as np
import pytest

from rsn_mm.errors import MissingPackageError, OptionError
from rsn_mm.video import Tracker

METHODS = ['bytetrack', 'ocsort']
RATE = 25


def boxes_at(frame):
    """Three people (3, 4): one at rest, two that walk towards each other on two lines."""
    return np.array([[10, 200, 40, 280], [100 + 4 * frame, 20, 140 + 4 * frame, 120],
                     [500 - 4 * frame, 125, 540 - 4 * frame, 195]], float)


@pytest.fixture(params=METHODS)
def tracker(request):
    return Tracker(request.param, frames_per_second=RATE)


def test_rows_in_any_order_keep_their_ids_from_the_first_frame_on(tracker):
    rng = np.random.default_rng(0)
    for frame in range(60):
        order = rng.permutation(3)
        scores = rng.uniform(.55, .95, 3)  # the tracker returns those with low scores last
        ids = tracker(boxes_at(frame)[order], scores, frame / RATE)
        if frame == 0:
            expected = ids[np.argsort(order)]
            assert sorted(expected.tolist()) == [0, 1, 2]
        np.testing.assert_array_equal(ids, expected[order], err_msg=f'frame {frame}')


def test_low_scores_start_no_track(tracker):
    for frame in range(5):
        ids = tracker(boxes_at(frame), np.array([.9, .3, .49]), frame / RATE)
        assert ids.tolist() == [0, -1, -1]
    assert tracker(boxes_at(5), np.array([.3, .9, .9]), 5 / RATE)[1:].tolist() == [1, 2]


def test_low_scores_continue_a_track_with_bytetrack_only():
    for method, continued in zip(METHODS, (0, -1)):
        tracker = Tracker(method, frames_per_second=RATE)
        for frame in range(5):
            tracker(boxes_at(frame)[:1], np.array([.9]), frame / RATE)
        assert tracker(boxes_at(5)[:1], np.array([.2]), 5 / RATE).tolist() == [continued]


def test_a_lower_start_score_starts_tracks():
    for method in METHODS:
        tracker = Tracker(method, start_score=.1, match_score=.1)
        assert tracker(boxes_at(0), np.array([.9, .3, .05]), 0).tolist() == [0, 1, -1]


def test_a_new_person_gets_a_new_id_in_the_frame_where_it_appears(tracker):
    for frame in range(4):
        assert tracker(boxes_at(frame)[:1], np.ones(1), frame / RATE).tolist() == [0]
    assert tracker(boxes_at(4)[::-1], np.ones(3), 4 / RATE)[2] == 0
    assert sorted(tracker(boxes_at(5), np.ones(3), 5 / RATE).tolist()) == [0, 1, 2]


@pytest.mark.parametrize('frames_away, same', [(20, True), (60, False)])
def test_a_track_goes_on_after_a_gap_for_a_second(tracker, frames_away, same):
    nobody = np.zeros((0, 4)), np.zeros(0)
    assert tracker(*nobody, 0).shape == (0, )
    for frame in range(1, 5):
        first = tracker(boxes_at(0), np.ones(3), frame / RATE)
    for frame in range(5, 5 + frames_away):
        assert tracker(*nobody, frame / RATE).shape == (0, )
    again = tracker(boxes_at(0), np.ones(3), (5 + frames_away) / RATE)
    assert (again[0] == first[0]) == same


def test_time_stamps_count_and_not_the_number_of_frames(tracker):
    """Two seconds without a frame end a track; so do not two frames."""
    first = tracker(boxes_at(0)[:1], np.ones(1), 0)
    assert tracker(boxes_at(0)[:1], np.ones(1), .04) == first
    assert tracker(boxes_at(0)[:1], np.ones(1), 2.04) != first


def test_time_stamps_that_repeat_or_are_absent(tracker, recwarn):
    for seconds in (0, .04, .04, .03, None, None):
        assert tracker(boxes_at(0), np.ones(3), seconds).tolist() == [0, 1, 2]
    assert not recwarn.list


def test_refusals(monkeypatch):
    with pytest.raises(OptionError, match="method='deepsort', expected bytetrack or ocsort"):
        Tracker('deepsort')
    with pytest.raises(OptionError, match='frames_per_second=0'):
        Tracker(frames_per_second=0)
    monkeypatch.setitem(__import__('sys').modules, 'trackers', None)
    with pytest.raises(MissingPackageError, match=r'tracking people needs .* trackers.*\[video\]'):
        Tracker()
