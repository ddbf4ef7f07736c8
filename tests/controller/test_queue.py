"""Keys that wait for a decision."""

import threading
import time
import tracemalloc

from holdfast.controller.queue import Queue
from holdfast.controller.world import Key

A, B = Key("BackupPlan", "shop", "a"), Key("BackupPlan", "shop", "b")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_key_waits_once_however_often_it_changed():
    queue = Queue(Clock())
    for _ in range(5):
        queue.add(A)
    assert queue.take(0) == A
    assert queue.take(0) is None


def test_what_is_due_first_comes_first():
    clock = Clock()
    queue = Queue(clock)
    queue.add(A, after=20)
    queue.add(B, after=10)
    assert queue.take(0) is None
    clock.now = 30
    assert [queue.take(0), queue.take(0)] == [B, A]


def test_the_earlier_time_counts():
    clock = Clock()
    queue = Queue(clock)
    queue.add(A, after=10)
    queue.add(A, after=20)
    clock.now = 15
    assert queue.take(0) == A
    clock.now = 25
    assert queue.take(0) is None  # the later time was for the same
    queue.add(A, after=20)
    queue.add(A)
    assert queue.take(0) == A
    assert len(queue) == 0


def test_who_waits_is_woken():
    queue = Queue(time.monotonic)
    threading.Timer(0.05, queue.add, [A]).start()
    assert queue.take(30) == A
    threading.Timer(0.05, queue.close).start()
    assert queue.take(30) is None


def test_what_waits_for_next_month_and_changes_often_takes_no_more_memory_each_time():
    clock = Clock()
    queue = Queue(clock)
    queue.add(B, after=60)
    tracemalloc.start()
    try:
        for _ in range(10_000):
            queue.add(A, after=30 * 86400)
            queue.add(A)
            assert queue.take(0) == A
            clock.now += 1e-3
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 100_000
    clock.now = 60
    assert queue.take(0) == B
