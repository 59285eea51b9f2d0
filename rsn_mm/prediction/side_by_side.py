"""Stages of work that run side by side, in threads, and hand on what they have done in order.

OpenCV and torch release Python's lock while they compute, so threads suffice.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, Full, Queue
from typing import TypeVar

A = TypeVar('A')
B = TypeVar('B')
#: Seconds between two looks at whether the other side has gone.
PATIENCE = 0.1
#: Seconds that a stage may take for its last item when it is no longer wanted.
PATIENCE_AT_END = 5.


def in_background(items: Iterable[A], ahead: int) -> Iterator[A]:
    """Iterate in a thread, so that the next items are ready when they are asked for.

    The thread begins with the first item that is asked for, and ends with the items, or when the
    iterator is closed.

    Args:
        items: What to iterate over.
        ahead: Number of items that may wait.

    Raises:
        Exception: What the iteration raised, in the thread that asks for the next item.
    """
    queue: Queue = Queue(max(ahead, 1))
    closed = threading.Event()

    def put(entry: tuple) -> bool:
        while not closed.is_set():
            try:
                queue.put(entry, timeout=PATIENCE)
                return True
            except Full:
                continue
        return False

    def work() -> None:
        error = None
        iterator = iter(items)
        try:
            for item in iterator:
                if not put((item, )):
                    break
        except BaseException as raised:
            error = raised
        finally:
            if hasattr(iterator, 'close'):
                iterator.close()
        put((None, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while len(entry := _get(queue)) == 1:
            yield entry[0]
        if entry[1] is not None:
            raise entry[1]
    finally:
        closed.set()
        thread.join(PATIENCE_AT_END)


def _get(queue: Queue) -> tuple:
    """The next entry; unlike a plain ``get``, Ctrl-C interrupts the wait on every system."""
    while True:
        try:
            return queue.get(timeout=PATIENCE)
        except Empty:
            continue


def mapped(function: Callable[[A], B], items: Iterable[A], workers: int, ahead: int) -> Iterator[B]:
    """Apply a function in several threads; results come in the order of the items.

    Args:
        function: What to do with an item.
        items: Iterated over as results are taken, not faster.
        workers: Number of threads.
        ahead: Number of results that may wait.
    """
    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
