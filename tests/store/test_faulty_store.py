from __future__ import annotations

import pytest

from holdfast.errors import FileMissing, StoreRefused, StoreUnavailable
from holdfast.store.memory import MemoryStore
from holdfast.testing.faulty_store import Call, Fault, FaultyStore, Script, SeededFaults


def faulty(*faults, **options):
    return FaultyStore(MemoryStore(), Script(*faults), **options)


def test_before_does_nothing():
    store = faulty(Fault("before", "put"))
    with pytest.raises(StoreUnavailable):
        store.put("config", [b"x"])
    assert list(store.list("")) == []


def test_after_does_all_and_loses_the_answer():
    store = faulty(Fault("after", "put"))
    with pytest.raises(StoreUnavailable):
        store.put("config", [b"content"])
    assert store.get("config") == b"content"


def test_truncate_leaves_the_first_half():
    store = faulty(Fault("truncate", "put"))
    with pytest.raises(StoreUnavailable):
        store.put("config", [b"con", b"tent."])
    assert store.get("config") == b"cont"


def test_delay_only_takes_time():
    slept = []
    store = faulty(Fault("delay", seconds=3), sleep=slept.append)
    store.put("config", [b"x"])
    assert slept == [3]
    assert store.get("config") == b"x"


def test_a_fault_picks_operation_name_and_turn():
    store = faulty(Fault("before", "put", "locks/*", skip=1, times=2))
    outcomes = []
    for name in ("keys/a", "locks/a", "locks/b", "locks/c", "locks/d"):
        try:
            store.put(name, [b"x"])
            outcomes.append("done")
        except StoreUnavailable:
            outcomes.append("failed")
    assert outcomes == ["done", "done", "failed", "failed", "done"]


def test_a_fault_may_have_any_error():
    store = faulty(Fault("before", error=StoreRefused), Fault("before", error=KeyboardInterrupt))
    with pytest.raises(StoreRefused):
        store.get("config")
    with pytest.raises(KeyboardInterrupt):
        store.get("config")
    with pytest.raises(FileMissing):
        store.get("config")


def test_without_end_means_all_later_calls():
    store = faulty(Fault("before", skip=1, times=None))
    store.put("config", [b"x"])
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            store.get("config")


def test_a_listing_can_break_off_at_its_end():
    store = faulty(Fault("after", "list"))
    store.put("keys/a", [b"x"])
    seen = []
    with pytest.raises(StoreUnavailable):
        seen.extend(store.list(""))
    assert len(list(store.list(""))) == 1


def test_calls_are_kept_in_order():
    store = faulty()
    store.put("keys/a", [b"x"])
    list(store.list("keys"))
    store.delete("keys/a")
    assert store.calls == [Call("put", "keys/a"), Call("list", "keys"), Call("delete", "keys/a")]


def outcomes(seed, rate):
    store = FaultyStore(MemoryStore(), SeededFaults(seed, rate))
    found = []
    for number in range(200):
        try:
            store.put(f"keys/{number}", [b"x"])
            found.append(True)
        except StoreUnavailable:
            found.append(False)
    return found


def test_a_seed_repeats_its_faults():
    assert outcomes(7, 0.3) == outcomes(7, 0.3) != outcomes(8, 0.3)


@pytest.mark.parametrize(("rate", "low", "high"), [(0, 0, 0), (0.25, 30, 70), (1, 200, 200)])
def test_the_rate_is_kept(rate, low, high):
    assert low <= outcomes(7, rate).count(False) <= high
