from __future__ import annotations

import threading

import pytest

from holdfast.errors import Cancelled, FileExists, FileMissing, StoreRefused, StoreUnavailable
from holdfast.model.cancel import Cancel
from holdfast.store.base import StoredFile
from holdfast.store.memory import MemoryStore
from holdfast.store.retrying import RetryingStore, RetryPolicy
from holdfast.testing.faulty_store import Call, Fault, FaultyStore, Script
from holdfast.testing.manual_clock import ManualClock


class Stack:
    """A retrying store on a scripted one, with a clock that its sleeping moves; `pauses` are its sleeps in seconds."""

    def __init__(self, *faults, policy=None, cancel=None, jitter=0.0, each_call_takes=0.0):
        self.memory = MemoryStore()
        self.clock = ManualClock()
        self.pauses = []
        delay = [Fault("delay", times=None, seconds=each_call_takes)] if each_call_takes else []
        slow = FaultyStore(self.memory, Script(*delay), sleep=self.clock.sleep)
        self.faulty = FaultyStore(slow, Script(*faults))
        self.store = RetryingStore(
            self.faulty,
            cancel=cancel or Cancel(),
            policy=policy,
            clock=self.clock,
            sleep=self.sleep,
            jitter=lambda: jitter,
        )

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.clock.advance(seconds)


def test_what_works_is_done_once():
    stack = Stack()
    stack.store.put("config", [b"x"])
    assert stack.faulty.calls == [Call("put", "config")]
    assert stack.pauses == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_passing_fault_is_tried_again(moment):
    stack = Stack(Fault(moment, times=3))
    stack.store.put("config", [b"x"])
    assert stack.memory.get("config") == b"x"
    assert len(stack.faulty.calls) == 4


def test_pauses_double_up_to_a_longest_one():
    policy = RetryPolicy(first_wait=1, longest_wait=5, give_up_unanswered_after=100)
    stack = Stack(Fault("before", times=6), policy=policy)
    stack.store.put("config", [b"x"])
    assert stack.pauses == [1, 2, 4, 5, 5, 5]


def test_jitter_shortens_a_pause_by_up_to_half():
    stack = Stack(Fault("before", times=2), policy=RetryPolicy(first_wait=1), jitter=1.0)
    stack.store.put("config", [b"x"])
    assert stack.pauses == [0.5, 1]


def test_a_store_that_never_answered_is_given_up_soon():
    stack = Stack(Fault("before", times=None))
    with pytest.raises(StoreUnavailable, match="gave up after 5 tries in 8 s"):
        stack.store.get("config")
    assert stack.clock.monotonic() <= RetryPolicy().give_up_unanswered_after


@pytest.mark.parametrize("first", ["success", "missing"])
def test_a_store_that_has_answered_is_given_more_time(first):
    stack = Stack(Fault("before", skip=1, times=None))
    if first == "success":
        stack.store.put("config", [b"x"])
    else:
        with pytest.raises(FileMissing):
            stack.store.get("config")
    with pytest.raises(StoreUnavailable):
        stack.store.get("config")
    policy = RetryPolicy()
    assert policy.give_up_after - policy.longest_wait <= stack.clock.monotonic() <= policy.give_up_after


def test_time_spent_in_the_calls_counts():
    stack = Stack(Fault("after", times=None), each_call_takes=10)
    with pytest.raises(StoreUnavailable):
        stack.store.delete("config")
    assert len(stack.faulty.calls) == 2


def test_giving_up_keeps_the_first_errors_next_step():
    stack = Stack(Fault("before", times=None))
    with pytest.raises(StoreUnavailable) as caught:
        stack.store.size("config")
    assert isinstance(caught.value.__cause__, StoreUnavailable)
    assert caught.value.next == caught.value.__cause__.next


@pytest.mark.parametrize("error", [StoreRefused, FileMissing])
def test_an_answer_is_not_tried_again(error):
    stack = Stack(Fault("before", error=error))
    with pytest.raises(error):
        stack.store.get("config")
    assert len(stack.faulty.calls) == 1


def test_create_knows_its_own_file_after_a_lost_answer():
    stack = Stack(Fault("after", "create"))
    stack.store.create("locks/one", [b"mi", b"ne"])
    assert stack.memory.get("locks/one") == b"mine"


def test_create_knows_its_own_file_when_the_proof_is_delayed_too():
    stack = Stack(Fault("after", "create"), Fault("before", "get"), Fault("before", "size"))
    stack.store.create("locks/one", [b"mine"])
    assert stack.memory.get("locks/one") == b"mine"


@pytest.mark.parametrize("other", [b"hers", b"longer than mine"])
def test_create_after_a_fault_still_refuses_somebody_elses_file(other):
    stack = Stack(Fault("before", "create"))
    stack.memory.put("locks/one", [other])
    with pytest.raises(FileExists):
        stack.store.create("locks/one", [b"mine"])
    assert stack.memory.get("locks/one") == other


def test_create_refuses_an_equal_file_when_nothing_went_wrong():
    stack = Stack()
    stack.memory.put("locks/one", [b"same"])
    with pytest.raises(FileExists):
        stack.store.create("locks/one", [b"same"])


def test_create_refuses_when_the_other_file_is_gone_before_it_can_be_compared():
    stack = Stack(Fault("before", "create"), Fault("before", "size", error=FileMissing))
    stack.memory.put("locks/one", [b"same"])
    with pytest.raises(FileExists):
        stack.store.create("locks/one", [b"same"])


def test_a_truncated_create_is_not_taken_for_a_whole_one():
    stack = Stack(Fault("truncate", "create"))
    with pytest.raises(FileExists):
        stack.store.create("locks/one", [b"content"])


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_listing_that_broke_off_is_begun_anew(moment):
    stack = Stack(Fault(moment, "list", times=2))
    stack.memory.put("keys/a", [b"1"])
    stack.memory.put("keys/b", [b"22"])
    assert sorted(stack.store.list("keys")) == [StoredFile("keys/a", 1), StoredFile("keys/b", 2)]


def test_cancel_ends_the_waiting():
    cancel = Cancel()
    store = RetryingStore(FaultyStore(MemoryStore(), Script(Fault("before", times=None))), cancel=cancel)
    timer = threading.Timer(0.05, cancel.request)
    timer.start()
    with pytest.raises(Cancelled):
        store.get("config")
    timer.join()


def test_a_cancelled_run_can_still_remove_its_lock():
    cancel = Cancel()
    memory = MemoryStore()
    memory.put("locks/one", [b"x"])
    cancel.request()
    RetryingStore(memory, cancel=cancel).delete("locks/one")
    assert list(memory.list("")) == []


def test_defects_are_not_hidden():
    stack = Stack(Fault("before", error=ZeroDivisionError))
    with pytest.raises(ZeroDivisionError):
        stack.store.get("config")
    assert len(stack.faulty.calls) == 1
