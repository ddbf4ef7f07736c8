from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdfast.errors import FileMissing, StoreError, StoreRefused, StoreUnavailable
from holdfast.store.memory import MemoryStore
from holdfast.testing import faults
from holdfast.testing.faulty_store import KINDS, Call, Fault, FaultyStore, Script, SeededFaults

OPERATIONS = {"put", "create", "get", "get_range", "size", "list", "delete"}
FILES = {"keys/a": b"content of one", "keys/b": b"other content", "locks/c": b"third"}


def faulty(*faults, **options):
    return FaultyStore(MemoryStore(), Script(*faults), **options)


def names(store, directory):
    return [file.name for file in store.list(directory)]


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


# repeated, overtaken


def test_a_duplicate_is_done_again_after_some_calls():
    store = faulty(Fault("duplicate", "put", later=2))
    memory = bytearray(b"content")
    store.put("keys/a", [memory])
    memory[:] = b"changed"  # the caller may use its memory again
    store.delete("keys/a")
    assert names(store, "keys") == []
    assert names(store, "keys") == ["keys/a"]
    assert store.get("keys/a") == b"content"


def test_a_duplicated_create_finds_its_own_file_and_nobody_hears_of_it():
    store = faulty(Fault("duplicate", "create", later=1))
    store.create("config", [b"mine"])
    store.put("config", [b"other"])
    assert store.get("config") == store.get("config") == b"other"


def test_a_duplicated_delete_takes_what_came_back():
    store = faulty(Fault("duplicate", "delete", later=1))
    store.put("keys/a", [b"x"])
    store.delete("keys/a")
    store.put("keys/a", [b"x"])
    assert names(store, "keys") == []


def test_what_is_still_to_be_repeated_comes_at_the_close():
    store = faulty(Fault("duplicate", "put", later=100))
    store.put("keys/a", [b"x"])
    store.delete("keys/a")
    store.close()
    assert names(store, "keys") == ["keys/a"]


def test_a_reordered_change_is_overtaken_by_one_that_began_after_it():
    memory = MemoryStore()
    store = FaultyStore(memory, Script(Fault("reorder", "put", "keys/a", seconds=30)))
    first = threading.Thread(target=store.put, args=("keys/a", [b"first"]))
    first.start()
    while not store.calls:
        pass
    store.put("keys/b", [b"second"])
    assert memory.get("keys/b") == b"second"
    first.join()
    assert [name for name, _ in memory.list("")] == ["keys/b", "keys/a"]


def test_a_reordered_change_that_nobody_overtakes_is_done_all_the_same():
    store = faulty(Fault("reorder", "put", seconds=0.01))
    store.put("keys/a", [b"x"])
    assert store.get("keys/a") == b"x"


def test_a_reordered_listing_has_the_same_files():
    store = faulty(Fault("reorder", "list", seed=1))
    for number in range(20):
        store.put(f"keys/{number}", [b"x"])
    shuffled, straight = names(store, "keys"), names(store, "keys")
    assert shuffled != straight
    assert sorted(shuffled) == sorted(straight)


# lies


@pytest.fixture
def lying():
    """`lying(kind, ...)`: a store of three files."""

    def make(*fault, **fields):
        store = faulty(Fault(*fault, **fields))
        for name, content in FILES.items():
            store.put(name, [content])
        return store

    return make


@pytest.mark.parametrize("seed", range(5))
def test_a_flip_is_one_bit(lying, seed):
    store = lying("flip", "get", seed=seed)
    wrong, right = store.get("keys/a"), store.get("keys/a")
    assert right == FILES["keys/a"]
    assert len(wrong) == len(right)
    assert sum((x ^ y).bit_count() for x, y in zip(wrong, right, strict=True)) == 1


def test_a_range_is_flipped_cut_and_swapped_too(lying):
    assert lying("flip", "get_range").get_range("keys/a", 0, 2) not in (b"co", b"")
    assert lying("cut", "get_range").get_range("keys/a", 0, 4) == b"co"
    assert lying("swap", "get_range").get_range("keys/a", 2, 4) == b"her "


def test_a_cut_loses_the_second_half(lying):
    assert lying("cut", "get").get("keys/a") == b"content"


def test_a_swap_gives_another_file_of_the_same_directory(lying):
    assert lying("swap", "get").get("keys/a") == FILES["keys/b"]


def test_a_swap_without_another_file_is_true_and_not_counted(lying):
    store = lying("swap", "get")
    assert store.get("locks/c") == FILES["locks/c"]
    assert store.happened == {}


@pytest.mark.parametrize("seed", range(5))
def test_a_miscount_is_a_wrong_size(lying, seed):
    assert lying("miscount", "size", seed=seed).size("keys/a") != len(FILES["keys/a"])
    listed = dict(lying("miscount", "list", seed=seed).list(""))
    assert sum(size != len(FILES[name]) for name, size in listed.items()) == 1


def test_listings_omit_repeat_and_invent(lying):
    assert len(set(names(lying("omit"), ""))) == 2
    repeated = names(lying("repeat"), "")
    assert (len(repeated), set(repeated)) == (4, set(FILES))
    (invented,) = set(names(lying("invent"), "")) - set(FILES)
    assert invented.partition("/")[0] in ("keys", "locks")


@pytest.mark.parametrize(("kind", "stored"), [("lose", None), ("halve", b"content")])
def test_a_lied_write_reports_success(lying, kind, stored):
    for operation in ("put", "create"):
        store = lying(kind, operation, "new")
        getattr(store, operation)("new", [b"content", b" behind"])
        assert store.happened == {kind: 1}
        if stored is None:
            with pytest.raises(FileMissing):
                store.get("new")
        else:
            assert store.get("new") == stored


def test_a_lost_delete_leaves_the_file(lying):
    store = lying("lose", "delete")
    store.delete("keys/a")
    assert store.get("keys/a") == FILES["keys/a"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_befalls_only_the_calls_that_it_fits(kind):
    fault = Fault(kind, error=StoreUnavailable)
    fitting = {operation for operation in OPERATIONS if fault.matches(Call(operation, "config"))}
    documented = set()
    for calls in re.findall(rf"^\| {kind} \| ([\w, ]+) \|", faults.__doc__, flags=re.MULTILINE):
        documented |= OPERATIONS if calls == "all" else set(calls.split(", "))
    assert fitting == documented


# chance


def outcomes(seed, rates, **options):
    store = FaultyStore(MemoryStore(), SeededFaults(seed, rates, **options))
    found = []
    for number in range(200):
        try:
            store.put(f"keys/{number}", [b"x"])
            found.append(True)
        except StoreError:
            found.append(False)
    return found, store.happened


def test_a_seed_repeats_its_faults():
    rates = {"before": 0.2, "halve": 0.1}
    assert outcomes(7, rates) == outcomes(7, rates) != outcomes(8, rates)


@pytest.mark.parametrize(("rate", "low", "high"), [(0, 0, 0), (0.25, 30, 70), (1, 200, 200)])
def test_the_rate_is_kept(rate, low, high):
    found, happened = outcomes(7, {"before": rate})
    assert low <= found.count(False) == happened["before"] <= high


def test_each_kind_has_its_rate_and_kinds_that_do_not_fit_take_none():
    _, happened = outcomes(7, {"flip": 1, "before": 0.1, "after": 0.3})
    assert happened.keys() == {"before", "after"}
    assert 5 < happened["before"] < 35 < happened["after"] < 85


def test_chance_has_an_error_and_names_too():
    store = FaultyStore(MemoryStore(), SeededFaults(7, {"before": 1}, error=StoreRefused, name="locks/*"))
    store.put("keys/a", [b"x"])
    with pytest.raises(StoreRefused):
        store.put("locks/a", [b"x"])


def test_threads_get_each_fault_once():
    store = FaultyStore(MemoryStore(), Script(Fault("lose", "put", times=50), Fault("duplicate", "put", times=None)))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.put(f"keys/{number}", [b"x"]), range(400)))
    assert store.happened == {"lose": 50, "duplicate": 350}
    assert len(names(store, "keys")) == 350


# the page


PAGE = (Path(__file__).parents[2] / "docs" / "testing-faults.md").read_text()


def test_the_example_of_the_page_runs():
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    names = {}
    exec(example, names)
    names["scripted"].put("data/00/a", [b"x"])
    with pytest.raises(StoreUnavailable):
        names["scripted"].put("data/00/b", [b"x"])
    assert len(list(names["scripted"].list("data"))) == 1
    assert len(list(names["stormy"].list("data"))) == 2


def test_the_page_has_a_row_for_every_kind():
    table = PAGE.partition("| kind |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == set(KINDS)
