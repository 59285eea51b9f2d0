"""Stages in threads give what plain iteration gives, in order, and end when nobody listens."""

import threading
import time

import pytest

from rsn_mm.prediction.side_by_side import in_background, mapped


def numbers(count, seen=None):
    for i in range(count):
        if seen is not None:
            seen.append(i)
        yield i


def test_the_items_come_in_order():
    assert list(in_background(numbers(100), 3)) == list(range(100))
    assert list(in_background([], 3)) == []
    assert list(in_background([None, 1], 1)) == [None, 1]
    delays = [0.02, 0, 0.01, 0]
    found = mapped(lambda i: time.sleep(delays[i % 4]) or i, range(20), 4, 6)
    assert list(found) == list(range(20))


def test_stages_run_at_the_same_time():
    """Each item waits for the stage behind it to have begun with the item before."""
    begun = [threading.Event() for _ in range(4)]

    def first():
        for i in range(3):
            yield i
            assert begun[i].wait(10)

    for i in in_background(first(), 1):
        begun[i].set()


def test_no_stage_runs_far_ahead():
    seen: list[int] = []
    items = in_background(numbers(1000, seen), 3)
    next(items)
    time.sleep(0.3)
    assert len(seen) <= 6  # one handed on, three that wait, one in the hand, one asked for
    items.close()


def test_an_error_arrives_behind_the_items_before_it():
    def failing():
        yield 1
        raise ValueError('broken')

    items = in_background(failing(), 5)
    assert next(items) == 1
    with pytest.raises(ValueError, match='broken'):
        next(items)
    with pytest.raises(ZeroDivisionError):
        list(mapped(lambda i: 1 // i, [1, 0], 2, 2))


def test_threads_end_when_the_iteration_is_given_up():
    before = threading.active_count()
    closed = []

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    items = in_background((item for item in in_background(endless(), 1)), 1)
    next(items)
    items.close()
    deadline = time.time() + 5
    while threading.active_count() > before and time.time() < deadline:
        time.sleep(0.02)
    assert threading.active_count() == before and closed == [True]
