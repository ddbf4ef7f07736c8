"""A cache makes an index cheap and never wrong, whatever happens to it."""

import itertools
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.repository.index_files import KEY, REPOSITORY, Truth, assert_is, blob_id, cache_in, some_packs, store_index
from tests.small_disk import mount  # noqa: F401 - a fixture

from holdfast.codec.crypto import SealingKey
from holdfast.errors import DamagedData
from holdfast.ids import BlobId, IndexId, PackId
from holdfast.repository import index as index_module
from holdfast.repository import index_loader, sealed
from holdfast.repository.index_loader import load_index
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType, PackedBlob, pack_size
from holdfast.store.local import LocalStore
from holdfast.store.memory import MemoryStore

ROOT = Path(__file__).parents[2]


class CountingStore(MemoryStore):
    """Notes which files are read."""

    def __init__(self):
        super().__init__()
        self.read = []

    def get(self, name):
        self.read.append(name)
        return super().get(name)


@pytest.fixture
def store():
    return CountingStore()


@pytest.fixture
def place(tmp_path):
    """Where the cache lives; not made yet."""
    return tmp_path / "caches" / "holdfast"


@pytest.fixture
def always(monkeypatch):
    """Also a single small index file is worth a segment."""
    monkeypatch.setattr(index_loader, "_WORTH_A_SEGMENT", 1)


def segment_files(place):
    return sorted(place.glob("*/*.segment"))


def everything_in(place):
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())


def rewrite(path, content):
    """Another file of the same name, as a broken disk would show it: what is mapped already stays as it is."""
    path.unlink()
    path.write_bytes(content)


def wipe(path):
    """Zeros where the tables are, also for those who have the file open."""
    with path.open("r+b") as file:
        file.seek(400)
        file.write(bytes(path.stat().st_size - 400))


# What is read


@pytest.mark.usefixtures("always")
def test_an_index_file_is_read_once(store, place):
    packs = some_packs(*range(50))
    store_index(store, packs)
    assert_is(load_index(store, KEY, cache_in(place)), Truth.of(packs))
    store.read.clear()
    assert_is(load_index(store, KEY, cache_in(place)), Truth.of(packs))
    assert store.read == []


@pytest.mark.usefixtures("always")
def test_new_index_files_are_read_beside_what_is_cached(store, place):
    old, new = some_packs(*range(200)), some_packs(*range(190, 220))
    store_index(store, old)
    load_index(store, KEY, cache_in(place))
    index_id = store_index(store, new)
    store.read.clear()
    assert_is(load_index(store, KEY, cache_in(place)), Truth.of(old, new))
    assert store.read == [file_name(index_id)]


def test_few_blobs_are_no_segment_but_many_files_are(store, place):
    lists = []
    for number in range(40):
        lists.append(some_packs(number))
        store_index(store, lists[-1])
        index = load_index(store, KEY, cache_in(place))
        assert_is(index, Truth.of(*lists))
        assert bool(index.segments) == (number >= 31)
    store.read.clear()
    load_index(store, KEY, cache_in(place))
    assert len(store.read) == 8


def add_files(store, index, lists):
    """As a writer does: the index file first, then the index learns of it."""
    for packs in lists:
        index.add_file(store_index(store, packs), packs)


@pytest.mark.usefixtures("always")
def test_what_a_process_adds_becomes_segments_when_it_is_much(store, place, monkeypatch):
    monkeypatch.setattr(index_module, "_MOST_OWN", 100)
    old = some_packs(*range(200))
    store_index(store, old)
    index = load_index(store, KEY, cache_in(place))
    lists = [some_packs(*range(180 + 20 * number, 220 + 20 * number)) for number in range(30)]
    for number in range(len(lists)):
        add_files(store, index, lists[number : number + 1])
        assert index._own.blob_count < 200
        assert_is(index, Truth.of(old, *lists[: number + 1]))
    assert len(index.segments) <= 4
    store.read.clear()
    assert_is(load_index(store, KEY, cache_in(place)), Truth.of(old, *lists))
    assert len(store.read) < 5  # of 31


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("hindrance", ["no cache", "a cache that cannot be written", "an index file that is lost"])
def test_without_a_place_for_segments_it_stays_in_memory(store, place, monkeypatch, hindrance):
    monkeypatch.setattr(index_module, "_MOST_OWN", 100)
    if hindrance == "a cache that cannot be written":
        place.parent.mkdir()
        place.write_bytes(b"a file")
    index = load_index(store, KEY, None if hindrance == "no cache" else cache_in(place))
    lists = [some_packs(*range(20 * number, 20 * number + 40)) for number in range(10)]
    for packs in lists:
        index_id = store_index(store, packs)
        if hindrance == "an index file that is lost" and packs is lists[0]:
            store.delete(file_name(index_id))
        index.add_file(index_id, packs)
    assert_is(index, Truth.of(*lists))
    assert index.segments == ()


@pytest.mark.usefixtures("always")
def test_threads_may_look_up_while_what_was_added_becomes_a_segment(store, place, monkeypatch):
    monkeypatch.setattr(index_module, "_MOST_OWN", 50)
    index = load_index(store, KEY, cache_in(place))
    lists = [some_packs(*range(20 * number, 20 * number + 20)) for number in range(60)]
    added, missing = [], []
    over = threading.Event()

    def look():
        while not over.is_set():
            missing.extend(blob for blob in added if not index.has(blob.type, blob.id))

    looking = [threading.Thread(target=look) for _ in range(3)]
    for thread in looking:
        thread.start()
    for packs in lists:
        add_files(store, index, [packs])
        added.extend(blob for _, blobs in packs for blob in blobs)
    over.set()
    for thread in looking:
        thread.join()
    assert missing == []
    assert index.segments


@pytest.mark.usefixtures("always")
def test_there_are_few_segments_however_often_the_index_grows(store, place):
    lists = []
    for number in range(60):
        lists.append(some_packs(*range(10 * number, 10 * number + 15)))
        store_index(store, lists[-1])
        index = load_index(store, KEY, cache_in(place))
        assert len(index.segments) <= 4
        assert len(segment_files(place)) == len(index.segments)
    assert_is(index, Truth.of(*lists), unknown=range(9000, 9010))


@pytest.mark.usefixtures("always")
def test_an_index_file_that_is_gone_takes_its_segment_along(store, place):
    removed, kept = some_packs(*range(40)), some_packs(*range(30, 60))
    gone = store_index(store, removed)
    store_index(store, kept)
    load_index(store, KEY, cache_in(place))
    store.delete(file_name(gone))
    assert_is(load_index(store, KEY, cache_in(place)), Truth.of(kept))
    assert len(segment_files(place)) == 1


@pytest.mark.usefixtures("always")
def test_a_damaged_index_file_is_a_fault_each_time_and_the_others_are_cached(store, place):
    packs = some_packs(*range(20))
    store_index(store, packs)
    broken = store_index(store, some_packs(*range(20, 30)))
    no_id = sealed.save(store, KEY, {"packs": [{"id": "x", "blobs": []}]}, IndexId)
    content = bytearray(store.get(file_name(broken)))
    content[40] ^= 1
    store.put(file_name(broken), [content])
    for _ in range(2):
        index = load_index(store, KEY, cache_in(place))
        assert sorted(fault.what for fault in index.faults) == sorted(
            f"{file_name(one)} is damaged" for one in (broken, no_id)
        )
        assert_is(index, Truth.of(packs))
        assert len(index.segments) == 1


@pytest.mark.usefixtures("always")
def test_an_index_that_holds_only_faults_makes_no_segment(store, place):
    sealed.save(store, KEY, {"packs": [{"id": "x", "blobs": []}]}, IndexId)
    index = load_index(store, KEY, cache_in(place))
    assert len(index.faults) == 1
    assert segment_files(place) == []


@pytest.mark.usefixtures("always")
def test_without_trust_every_file_is_read_and_the_cache_made_anew(store, place):
    packs = some_packs(*range(50))
    index_id = store_index(store, packs)
    load_index(store, KEY, cache_in(place))
    before = segment_files(place)[0].stat().st_ino
    store.read.clear()
    assert_is(load_index(store, KEY, cache_in(place), trust_cache=False), Truth.of(packs))
    assert store.read == [file_name(index_id)]
    assert [path.stat().st_ino != before for path in segment_files(place)] == [True]


@pytest.mark.usefixtures("always")
def test_a_pack_listed_twice_is_one_pack_with_one_place_for_each_blob(store, place):
    packs = some_packs(*range(30))
    store_index(store, packs)
    store_index(store, packs[:1])
    for _ in range(2):
        assert_is(load_index(store, KEY, cache_in(place)), Truth.of(packs))
    store_index(store, [packs[2], packs[0]])
    assert_is(load_index(store, KEY, cache_in(place)), Truth.of(packs))


@pytest.mark.usefixtures("always")
def test_what_is_added_later_is_found_beside_what_is_cached(store, place):
    cached, added = some_packs(*range(30)), some_packs(*range(20, 50), blob_type=BlobType.TREE)
    store_index(store, cached)
    index = load_index(store, KEY, cache_in(place))
    for pack_id, blobs in added:
        index.add_pack(pack_id, blobs)
    assert_is(index, Truth.of(cached, added))


@pytest.mark.usefixtures("always")
def test_an_id_whose_bytes_stand_across_two_fields_is_not_there(store, place):
    there = BlobId(b"\x07\x07" + bytes(range(30)))
    across = BlobId(there[1:] + b"\0")  # the pack's number follows, which begins with a zero
    blob = PackedBlob(BlobType.DATA, there, 0, 100, 0)
    store_index(store, [(PackId.of(b"one"), [blob])])
    index = load_index(store, KEY, cache_in(place))
    assert index.has(BlobType.DATA, there)
    assert not index.has(BlobType.DATA, across)
    with pytest.raises(DamagedData):
        index.find(BlobType.DATA, across)
    store_index(store, [(PackId.of(b"two"), [blob._replace(id=across)])])
    index = load_index(store, KEY, cache_in(place))
    assert index.find(BlobType.DATA, across) == (PackId.of(b"two"), blob._replace(id=across))
    assert list(index.copies(BlobType.DATA, across)) == []


# Lost packs


@pytest.mark.usefixtures("always")
def test_packs_that_the_store_does_not_have_are_forgotten(store, place):
    cached, added = some_packs(*range(100), *range(50)), some_packs(*range(90, 130))
    store_index(store, cached)
    index = load_index(store, KEY, cache_in(place))
    for pack_id, blobs in added:
        index.add_pack(pack_id, blobs)
    stored = {pack_id: pack_size(blobs) for pack_id, blobs in (*cached, *added)}
    lost = {cached[0][0], cached[3][0], added[1][0]}
    for pack_id in lost - {cached[3][0]}:
        del stored[pack_id]
    stored[cached[3][0]] -= 1
    assert index.forget_all_but(stored.items) == 3
    assert_is(index, Truth.of(cached, added), lost)


@pytest.mark.usefixtures("always")
def test_lost_packs_stay_forgotten_when_a_segment_is_made_anew(store, place):
    packs = some_packs(*range(100), *range(50))
    store_index(store, packs)
    index = load_index(store, KEY, cache_in(place))
    lost = {packs[0][0], packs[7][0]}
    index.forget_packs(lost)
    wipe(*segment_files(place))
    assert_is(index, Truth.of(packs), lost)


# Damage


def small_segment(store, place):
    """The path, and the truth, of a segment with all three tables in use."""
    packs = [*some_packs(*range(30)), *some_packs(*range(20, 40), blob_type=BlobType.TREE)]
    store_index(store, packs)
    load_index(store, KEY, cache_in(place))
    (path,) = segment_files(place)
    return path, Truth.of(packs)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("start", range(3))
def test_a_changed_byte_changes_no_answer(store, place, start):
    path, truth = small_segment(store, place)
    whole = path.read_bytes()
    for position in range(start, len(whole), 37 * 3):
        changed = bytearray(whole)
        changed[position] ^= 0xFF
        rewrite(path, changed)
        index = load_index(store, KEY, cache_in(place))
        places = truth.places()
        for (blob_type, one), expected in places.items():
            assert {index.find(blob_type, one), *index.copies(blob_type, one)} == expected
        for number in range(50):
            assert index.has(BlobType.DATA, blob_id(number)) == ((BlobType.DATA, blob_id(number)) in places)
        assert len(index) == len(places)
        assert index.forget_all_but(lambda: [(p, pack_size(blobs)) for p, blobs in truth.packs.items()]) == 0
        path = segment_files(place)[0]


@pytest.mark.usefixtures("always")
def test_a_segment_that_was_cut_short_is_thrown_away(store, place):
    path, truth = small_segment(store, place)
    whole = path.read_bytes()
    for length in range(0, len(whole), 997):
        path.write_bytes(whole[:length])
        assert cache_in(place).segments() == []
    assert segment_files(place) == []
    assert_is(load_index(store, KEY, cache_in(place)), truth)


@pytest.mark.usefixtures("always")
def test_no_length_but_the_own_one_is_accepted(store, place):
    path, _ = small_segment(store, place)
    whole = path.read_bytes()
    key = cache_in(place)._key
    for length in range(len(whole) - 1, -1, -1):
        os.truncate(path, length)
        with pytest.raises(index_loader.SegmentDamaged):
            index_loader.Segment(path, key)
    path.write_bytes(whole + b"\0")
    with pytest.raises(index_loader.SegmentDamaged):
        index_loader.Segment(path, key)


@pytest.mark.usefixtures("always")
def test_a_segment_of_another_repository_or_key_is_thrown_away(store, place):
    path, truth = small_segment(store, place)
    mine = path.read_bytes()
    for other in (cache_in(place, key=SealingKey.random()), cache_in(place, repository="cd" * 32)):
        load_index(store, KEY, other)  # only the cache is another's: its segments cover the same files
    foreign = place / ("cd" * 32) / path.name
    rewrite(path, foreign.read_bytes())
    assert cache_in(place).segments() == []
    path.write_bytes(mine)
    assert cache_in(place, key=SealingKey.random()).segments() == []
    assert not path.exists()
    assert_is(load_index(store, KEY, cache_in(place)), truth)


@pytest.mark.usefixtures("always")
def test_buckets_of_another_segment_with_valid_checksums_are_not_believed(store, place, tmp_path):
    path, truth = small_segment(store, place)
    load_index(store, KEY, cache_in(tmp_path / "second"))
    (second,) = segment_files(tmp_path / "second")
    head = 300  # the header, with the salt
    rewrite(path, path.read_bytes()[:head] + second.read_bytes()[head:])
    assert_is(load_index(store, KEY, cache_in(place)), truth)


@pytest.mark.usefixtures("always")
def test_a_bucket_in_the_place_of_another_is_not_believed(store, place):
    """Else whoever may write here could hide blobs, and so break restores."""
    path, truth = small_segment(store, place)
    segment = index_loader.Segment(path, cache_in(place)._key)
    directory = segment._shapes[0].directory
    entry, bounds = 12, 16  # where it begins, its checksum; where the next one begins
    used = sorted({one[0] for blob_type, one in truth.places() if blob_type is BlobType.DATA})
    content = path.read_bytes()
    for bucket in used:
        other = directory + entry * next(one for one in used if one != bucket)
        here = directory + entry * bucket
        rewrite(path, content[:here] + content[other : other + bounds] + content[here + bounds :])
        assert_is(load_index(store, KEY, cache_in(place)), truth)
        rewrite(path, content)


@pytest.mark.usefixtures("always")
def test_segments_that_do_not_last_are_given_up(store, place, monkeypatch):
    path, truth = small_segment(store, place)
    opened = index_loader.Segment

    class Rotten(opened):
        def _bucket(self, *_):
            raise index_loader.SegmentDamaged(self)

    monkeypatch.setattr("holdfast.repository.index_segment_builder.Segment", Rotten)
    wipe(path)
    index = load_index(store, KEY, cache_in(place))
    index.forget_packs([next(iter(truth.packs))])
    assert_is(index, truth, [next(iter(truth.packs))])
    assert index.segments == ()


@pytest.mark.usefixtures("always")
def test_threads_that_meet_the_same_damage_all_get_the_answer(store, place):
    path, truth = small_segment(store, place)
    wipe(path)
    index = load_index(store, KEY, cache_in(place))
    start, wrong = threading.Barrier(6), []

    def look():
        start.wait()
        wrong.extend(
            one for (blob_type, one), places in truth.places().items() if index.find(blob_type, one) not in places
        )

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(index) == len(truth.places())


@pytest.mark.usefixtures("always")
def test_damage_that_cannot_be_mended_is_an_error_and_no_answer(store, place):
    path, truth = small_segment(store, place)
    wipe(path)
    index = load_index(store, KEY, cache_in(place))
    for entry in list(store.list("index")):
        store.put(entry.name, [b"rubbish"])
    ((blob_type, one), *_) = truth.places()
    with pytest.raises(DamagedData, match="is not in the repository's index"):
        index.find(blob_type, one)
    assert index.faults


# Places that are no good


@pytest.mark.usefixtures("always")
def test_the_cache_may_be_deleted_while_it_is_used(store, place):
    path, truth = small_segment(store, place)
    index = load_index(store, KEY, cache_in(place))
    shutil.rmtree(place)
    assert_is(index, truth)
    assert_is(load_index(store, KEY, cache_in(place)), truth)
    assert path.exists()


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("moment", ["open", "replace"])
def test_the_cache_may_be_deleted_while_it_is_made(store, place, monkeypatch, moment):
    packs = some_packs(*range(50))
    store_index(store, packs)
    owner, name = {"open": (os, "open"), "replace": (Path, "replace")}[moment]
    real, lines = getattr(owner, name), []

    def deleting(*arguments, **options):
        if str(arguments[0]).startswith(str(place)):
            shutil.rmtree(place, ignore_errors=True)
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, deleting)
    assert_is(load_index(store, KEY, cache_in(place, note=lines.append)), Truth.of(packs))
    assert len(lines) == 1


@pytest.mark.usefixtures("always")
def test_a_file_in_the_place_of_the_cache_costs_the_cache_only(store, place):
    place.parent.mkdir()
    place.write_text("hello")
    packs, lines = some_packs(*range(50)), []
    store_index(store, packs)
    assert_is(load_index(store, KEY, cache_in(place, note=lines.append)), Truth.of(packs))
    assert len(lines) == 1
    assert str(place) in lines[0]
    assert place.read_text() == "hello"


@pytest.mark.usefixtures("always")
def test_a_full_disk_costs_the_cache_only(store, mount, tmp_path):  # noqa: F811 - the fixture
    packs, lines = some_packs(*range(2000)), []
    store_index(store, packs)
    disk = mount(tmp_path / "mount", "size=96k")
    assert_is(load_index(store, KEY, cache_in(disk, note=lines.append)), Truth.of(packs), unknown=range(9000, 9010))
    assert len(lines) == 1
    assert "No space left on device" in lines[0]
    assert everything_in(disk) == ["CACHEDIR.TAG"]


@pytest.mark.usefixtures("always")
def test_a_cache_that_may_only_be_read_is_read(store, mount, tmp_path):  # noqa: F811 - the fixture
    old, new, lines = some_packs(*range(50)), some_packs(*range(50, 60)), []
    store_index(store, old)
    disk = mount(tmp_path / "mount", "size=1m")
    load_index(store, KEY, cache_in(disk))
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    store.read.clear()
    assert_is(load_index(store, KEY, cache_in(disk, note=lines.append)), Truth.of(old))
    assert (store.read, lines) == ([], [])
    store_index(store, new)
    assert_is(load_index(store, KEY, cache_in(disk, note=lines.append)), Truth.of(old, new))
    assert len(lines) == 1


@pytest.mark.usefixtures("always")
def test_nobody_else_may_read_the_cache(store, place):
    mask = os.umask(0)
    try:
        small_segment(store, place)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE((place / REPOSITORY).stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in segment_files(place)] == [0o600]


# What is left over


def age(path, days):
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then))


@pytest.mark.usefixtures("always")
def test_the_cache_of_a_repository_that_nobody_used_for_a_month_is_removed(store, place):
    store_index(store, some_packs(*range(20)))
    for name in ("cd" * 32, "ef" * 32):
        load_index(store, KEY, cache_in(place, repository=name))
    (place / "notes").mkdir()
    (place / "notes" / "old").write_text("mine")
    foreign = place / ("cd" * 32) / "also mine"
    foreign.write_text("mine")
    for path in sorted(place.rglob("*"), reverse=True):
        age(path, 31)
    load_index(store, KEY, cache_in(place, repository="ef" * 32))  # used today
    load_index(store, KEY, cache_in(place))
    left = {path.rpartition("/")[0] for path in everything_in(place) if path.endswith(".segment")}
    assert left == {REPOSITORY, "ef" * 32}
    assert foreign.read_text() == (place / "notes" / "old").read_text() == "mine"


@pytest.mark.usefixtures("always")
def test_what_a_killed_run_left_is_removed_after_a_day(store, place):
    path, _ = small_segment(store, place)
    old, new = (path.with_name(f"{path.name}-tmp-{digit * 16}") for digit in "01")
    old.write_text("")
    new.write_text("")
    age(old, 2)
    store_index(store, some_packs(*range(90, 120)))
    load_index(store, KEY, cache_in(place))
    assert not old.exists()
    assert new.exists()


# Several processes


@pytest.mark.usefixtures("always")
def test_what_another_process_cached_since_the_listing_is_left_alone(place):
    old, new = some_packs(*range(20)), some_packs(*range(20, 40))

    class Busy(MemoryStore):
        made = ()

        def list(self, directory):
            listed = list(super().list(directory))
            if not self.made:
                store_index(self, new)
                self.made = "while this is made, which lists too"
                load_index(self, KEY, cache_in(place))
                self.made = segment_files(place)
            yield from listed

    store = Busy()
    store_index(store, old)
    assert_is(load_index(store, KEY, cache_in(place)), Truth.of(old))
    assert len(store.made) == 1
    assert set(store.made) <= set(segment_files(place))
    assert_is(load_index(store, KEY, cache_in(place)), Truth.of(old, new))


BUILD = """
import sys
from pathlib import Path
from tests.repository.index_files import REPOSITORY
from holdfast.codec.crypto import SealingKey
from holdfast.repository import index_loader
from holdfast.repository.index_cache import IndexCache
from holdfast.store.local import LocalStore
index_loader._WORTH_A_SEGMENT = 1
store, place, key = sys.argv[1:]
key = SealingKey(*map(bytes.fromhex, key.split("-")))
print("ready", flush=True)
input()
for _ in range(5):
    cache = IndexCache(Path(place)).of_repository(REPOSITORY, key)
    print(len(index_loader.load_index(LocalStore(Path(store)), key, cache, trust_cache=False)), flush=True)
"""


def test_two_processes_may_build_at_once(tmp_path, place):
    store = LocalStore(tmp_path / "repository")
    lists = [some_packs(*range(400 * number, 400 * number + 500)) for number in range(4)]
    for packs in lists:
        store_index(store, packs)
    key = "-".join(part.hex() for part in (KEY.encrypt, KEY.mac_k, KEY.mac_r))
    builders = [
        subprocess.Popen(
            [sys.executable, "-c", BUILD, tmp_path / "repository", place, key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(2)
    ]
    for builder in builders:
        assert builder.stdout.readline() == "ready\n"
    for builder in builders:
        builder.stdin.write("\n")
        builder.stdin.flush()
    assert [builder.communicate()[0].split() for builder in builders] == [["1700"] * 5] * 2
    assert len(segment_files(place)) == 1
    assert [path for path in everything_in(place) if "tmp" in path] == []
    assert_is(load_index(store, KEY, cache_in(place)), Truth.of(*lists), unknown=range(9000, 9010))


# Everything at once

PACKS = st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True)


class CachedIndex(RuleBasedStateMachine):
    """One cache through the life of a repository; after each step an index with it says what a dictionary says.

    Ids are random; what is drawn depends on their order of coming only, so that hypothesis can do a run again.
    """

    @initialize()
    def begin(self):
        self.place = Path(os.environ["HOLDFAST_CACHE_DIR"]) / f"model-{next(COUNTER)}"
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(index_loader, "_WORTH_A_SEGMENT", 5)
        self.store = MemoryStore()
        self.files = {}
        self.reload()

    def teardown(self):
        if hasattr(self, "patch"):
            self.patch.undo()
            shutil.rmtree(self.place, ignore_errors=True)

    def reload(self):
        self.index, self.lost, self.own = load_index(self.store, KEY, cache_in(self.place)), set(), []

    @rule()
    def open_again(self):
        self.reload()

    @rule(numbers=PACKS, blob_type=st.sampled_from(BlobType), again=st.booleans())
    def another_process_adds(self, numbers, blob_type, again):
        packs = some_packs(*numbers, blob_type=blob_type, per_pack=4)
        if again and self.files:
            packs += next(iter(self.files.values()))[:1]
        self.files[store_index(self.store, packs)] = packs
        self.reload()

    @rule(numbers=PACKS)
    def this_process_adds(self, numbers):
        packs = some_packs(*numbers)
        for pack_id, blobs in packs:
            self.index.add_pack(pack_id, blobs)
        self.own += packs

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def an_index_file_is_removed(self, data):
        index_id = data.draw(st.sampled_from(list(self.files)))
        del self.files[index_id]
        self.store.delete(file_name(index_id))
        self.reload()

    @precondition(lambda self: self.truth().packs)
    @rule(data=st.data(), listed=st.booleans())
    def packs_are_lost(self, data, listed):
        sizes = {pack_id: pack_size(blobs) for pack_id, blobs in self.truth().packs.items()}
        lost = set(data.draw(st.lists(st.sampled_from(list(sizes)), max_size=3)))
        if listed:
            stored = [(pack_id, size) for pack_id, size in sizes.items() if pack_id not in lost | self.lost]
            assert self.index.forget_all_but(lambda: stored) == len(lost | self.lost)
        else:
            self.index.forget_packs(lost)
        self.lost |= lost

    @rule(seed=st.integers(0, 1 << 30), bit=st.integers(0, 7))
    def a_bit_of_a_segment_flips(self, seed, bit):
        """The index at hand has the file mapped, and meets the change too: it is made in place."""
        for path in segment_files(self.place):
            with path.open("r+b") as file:
                position = seed % path.stat().st_size
                file.seek(position)
                (value,) = file.read(1)
                file.seek(position)
                file.write(bytes([value ^ 1 << bit]))

    @rule()
    def the_cache_is_deleted(self):
        shutil.rmtree(self.place, ignore_errors=True)

    def truth(self):
        return Truth.of(*self.files.values(), self.own)

    @invariant()
    def it_says_what_is_true(self):
        if hasattr(self, "index"):
            assert_is(self.index, self.truth(), self.lost)


COUNTER = itertools.count()
TestCachedIndex = CachedIndex.TestCase
TestCachedIndex.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)
