import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from tests.operations.harness import wait_until
from tests.sample_repository import FILES, check_all, init, read_files, reopen, save_tree, write_files

from holdfast.codec import compression
from holdfast.codec.crypto import SealingKey
from holdfast.errors import Cancelled, DamagedData, LockLost, RepositoryLocked, StoreUnavailable
from holdfast.ids import BlobId, LockId
from holdfast.model.cancel import Cancel
from holdfast.repository import blob as blob_module
from holdfast.repository import sealed
from holdfast.repository import writer as writer_module
from holdfast.repository.lock_file import LockFile
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import Repository
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.writer import Checkpoints
from holdfast.store.memory import MemoryStore
from holdfast.testing.faulty_store import Fault, FaultyStore, Script
from holdfast.testing.manual_clock import ManualClock

CANCEL = Cancel()
RANDOM = random.Random(5).randbytes(1 << 20)


def contents(count, size=1000):
    return [RANDOM[number * 100 : number * 100 + size] for number in range(count)]


@pytest.fixture
def writing(repository):
    """A writer of `repository`; what was flushed belongs to no snapshot."""
    with repository.lock(CANCEL) as lock:
        writer = repository.writer(lock, CANCEL)
        yield writer
        writer.close()


def through(repository, *faults):
    """The same repository behind a store with faults."""
    store = FaultyStore(repository.store, Script(*faults))
    return Repository(store, repository.key, repository.config, repository.clock, key_id=repository.key_id)


def names(store, directory):
    return sorted(file.name for file in store.list(directory))


def save_all(writer, many):
    return [writer.save(BlobType.DATA, one) for one in many]


# what is stored


def test_what_was_flushed_is_read_back(repository, writing):
    ids = save_all(writing, [b"", b"x", *contents(50)])
    writing.flush()
    again = reopen(repository.store)
    assert [again.reader.load(BlobType.DATA, one) for one in ids] == [b"", b"x", *contents(50)]


def test_nothing_is_written_when_there_is_nothing_new(repository, writing):
    before = names(repository.store, "")
    writing.flush()
    assert names(repository.store, "") == before


def test_a_blob_is_stored_once(repository, writing):
    first = writing.save(BlobType.DATA, b"content")
    assert writing.save(BlobType.DATA, bytearray(b"content")) == first == BlobId.of(b"content")
    writing.flush()
    writing.save(BlobType.DATA, memoryview(b"content"))
    writing.flush()
    assert writing.stats.data_blobs == 1
    assert len(reopen(repository.store).index) == 1


def test_data_and_trees_of_equal_bytes_are_two_blobs(repository, writing):
    for blob_type in BlobType:
        writing.save(blob_type, b'{"nodes":[]}\n')
    writing.flush()
    assert (writing.stats.data_blobs, writing.stats.tree_blobs) == (1, 1)
    assert len(list(reopen(repository.store).index.packs())) == 2


def test_a_later_run_stores_only_what_is_new(repository):
    write_files(repository)
    later = reopen(repository.store)
    before = {found.blob.id for found in later.index.blobs() if found.blob.type is BlobType.DATA}
    write_files(later, {**FILES, "new": b"new"})
    after = {found.blob.id for found in later.index.blobs() if found.blob.type is BlobType.DATA}
    assert after - before == {BlobId.of(b"new")}


def test_threads_saving_the_same_blobs_store_each_once(repository, writing):
    start, many = threading.Barrier(8), contents(200)

    def work(_):
        start.wait()
        return save_all(writing, many)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [[BlobId.of(one) for one in many]] * 8
    writing.flush()
    assert writing.stats.data_blobs == 200
    index = reopen(repository.store).index
    assert len(index) == 200
    assert sum(len(one) for one in many) == sum(found.blob.content_size for found in index.blobs())


def test_two_writers_of_one_repository_at_once_lose_nothing(repository, monkeypatch):
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 10_000)

    def work(number):
        with repository.lock(CANCEL) as lock:
            writer = repository.writer(lock, CANCEL)
            ids = save_all(writer, contents(150)[number * 20 :])
            writer.flush()
            writer.close()
            return ids

    with ThreadPoolExecutor(4) as pool:
        for number, ids in enumerate(pool.map(work, range(4))):
            for one, content in zip(ids, contents(150)[number * 20 :], strict=True):
                assert repository.reader.load(BlobType.DATA, one) == content
    assert check_all(reopen(repository.store)).findings == []


def test_the_statistics_count_what_is_new(repository, writing):
    save_all(writing, [b"a" * 5000, b"b" * 3000, b"a" * 5000])
    writing.save(BlobType.TREE, b"tree")
    writing.flush()
    assert (writing.stats.data_blobs, writing.stats.tree_blobs) == (2, 1)
    assert writing.stats.content_bytes == 8004
    assert writing.stats.stored_bytes == sum(found.blob.length for found in repository.index.blobs())
    assert writing.stats.stored_bytes < 1000


# packs and index files


def test_a_pack_is_closed_when_it_is_full(repository, writing, monkeypatch):
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 20_000)
    ids = save_all(writing, contents(100))
    writing.flush()
    again = reopen(repository.store)
    assert len(list(again.index.packs())) == 5  # 20 blobs of a little more than 1000 bytes fill one
    assert [again.reader.load(BlobType.DATA, one) for one in ids] == contents(100)


def test_packs_are_uploaded_while_others_are_filled(repository, writing, monkeypatch):
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 20_000)
    save_all(writing, contents(100))
    assert len(names(repository.store, "data")) >= 5 - writer_module.UPLOADS
    assert names(repository.store, "index") == []
    writing.flush()


def test_a_long_run_stores_index_files_on_its_way(repository, writing, monkeypatch):
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 10_000)
    monkeypatch.setattr(writer_module, "FULL_AT", 30)
    ids = save_all(writing, contents(200))
    writing.flush()
    assert len(names(repository.store, "index")) >= 4
    again = reopen(repository.store)
    assert len(again.index) == 200
    assert [again.reader.load(BlobType.DATA, one) for one in ids] == contents(200)


# checkpoints


@pytest.fixture
def checked(repository):
    """`checked(**checkpoints)`: a writer of `repository` with them."""
    with ExitStack() as stack:
        lock = stack.enter_context(repository.lock(CANCEL))

        def make(over=repository, **checkpoints):
            return stack.enter_context(closing(over.writer(lock, CANCEL, Checkpoints(**checkpoints))))

        yield make


def test_a_checkpoint_lists_what_is_stored_so_that_another_run_does_not_store_it_again(
    repository, checked, monkeypatch
):
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 10_000)
    writer = checked(size=25_000)
    save_all(writer, contents(200))
    writer.close()
    assert len(names(repository.store, "index")) >= 6
    with repository.lock(CANCEL) as lock, closing(reopen(repository.store).writer(lock, CANCEL)) as again:
        save_all(again, contents(200))
        assert again.stats.data_blobs < 20  # of packs that were not full


def test_a_checkpoint_comes_when_its_time_has_come(repository, checked, monkeypatch):
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 1)
    clock = ManualClock()
    monkeypatch.setattr(writer_module, "time", clock)
    writer = checked(seconds=60)
    for seconds, number_of_files in ((0, 0), (59, 0), (1, 1), (59, 1), (30, 1), (30, 2)):
        clock.advance(seconds)
        writer.save(BlobType.DATA, b"%d" % clock.monotonic())
        for upload in writer._uploads:
            upload.result()
        assert len(names(repository.store, "index")) == number_of_files


def test_a_run_that_is_given_up_lists_what_it_stored(repository, checked, monkeypatch):
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 10_000)
    writer = checked()
    save_all(writer, contents(25))
    wait_until(lambda: len(names(repository.store, "data")) == 2)  # what only waits for its turn is given up, too
    writer.close()
    assert len(reopen(repository.store).index) == 20


def test_after_a_fault_of_the_store_nothing_more_is_sent_to_it(repository, checked, monkeypatch):
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 10_000)
    faulty = through(repository, Fault("before", "put", "data/*", skip=3))
    writer = checked(over=faulty)
    with pytest.raises(StoreUnavailable):
        save_all(writer, contents(200))
    writer.close()
    assert names(repository.store, "index") == []


def test_packs_come_before_their_index_and_the_index_before_the_snapshot(repository):
    seen = through(repository)
    write_files(seen)
    order = [call.name.partition("/")[0] for call in seen.store.calls if call.operation == "put"]
    assert order == ["locks", "data", "data", "index", "snapshots"]


def test_uploads_never_exceed_their_bound(writing, monkeypatch):
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 5_000)
    running, most, guard = [0], [0], threading.Lock()
    put = MemoryStore.put

    def counted(self, name, parts):
        with guard:
            running[0] += 1
            most[0] = max(most[0], running[0])
        put(self, name, parts)
        with guard:
            running[0] -= 1

    monkeypatch.setattr(MemoryStore, "put", counted)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: writing.save(BlobType.DATA, RANDOM[number : number + 2000]), range(200)))
    writing.flush()
    assert 1 <= most[0] <= writer_module.UPLOADS


def test_no_thread_is_left_behind(repository):
    write_files(repository)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("holdfast")]


# what goes wrong


def flip(function):
    """`function` with one bit of its result changed, as a memory fault does, on its second call only."""
    calls = []

    def flipped(*arguments, **keywords):
        result = bytearray(function(*arguments, **keywords))
        calls.append(1)
        if len(calls) == 2:
            result[len(result) // 2] ^= 0x10
        return bytes(result)

    return flipped


SECOND = b"second content" * 50  # long enough to be compressed


@pytest.mark.parametrize(
    ("owner", "name"), [(compression, "compress"), (SealingKey, "seal")], ids=["compression", "encryption"]
)
def test_a_bit_that_flips_on_the_way_is_met_before_anything_is_published(repository, monkeypatch, owner, name):
    with repository.lock(CANCEL) as lock:
        writer = repository.writer(lock, CANCEL)
        monkeypatch.setattr(owner, name, flip(getattr(owner, name)))
        writer.save(BlobType.DATA, b"first content" * 50)
        with pytest.raises(DamagedData, match=f"blob {BlobId.of(SECOND).short} is damaged"):
            writer.save(BlobType.DATA, SECOND)
        with pytest.raises(DamagedData):  # a caller that goes on all the same
            writer.save(BlobType.DATA, SECOND)
        with pytest.raises(DamagedData):
            writer.flush()
        writer.close()
    assert names(repository.store, "index") == names(repository.store, "data") == []


def test_a_blob_too_large_for_the_format_is_refused(repository, writing, monkeypatch):
    monkeypatch.setattr(blob_module, "LARGEST_BLOB", 1000)
    with pytest.raises(ValueError, match="does not fit"):
        writing.save(BlobType.DATA, bytes(1000))
    assert names(repository.store, "data") == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("before", "put", "data/*"),
        Fault("after", "put", "data/*"),
        Fault("before", "put", "data/*", skip=1),
        Fault("truncate", "put", "index/*"),
        Fault("before", "put", "index/*"),
        Fault("after", "put", "index/*"),
    ],
    ids=lambda fault: f"{fault.kind} {fault.name} {fault.skip}",
)
def test_a_store_that_fails_once_leaves_nothing_published_and_the_next_run_whole(store, restic_agrees, fault):
    repository = init(store)
    failing = through(repository, fault)
    with pytest.raises(StoreUnavailable):
        write_files(failing)
    assert names(store, "snapshots") == []
    assert names(store, "locks") == []
    if fault.kind == "truncate":
        (cut,) = names(store, "index")
        store.delete(cut)  # what the contract of stores forbids, and check names
    # In the same process too: what failed must not be taken for stored.
    snapshot_id = write_files(failing, {**FILES, "report": b"it failed"})
    assert read_files(reopen(store), snapshot_id) == {**FILES, "report": b"it failed"}
    assert check_all(reopen(store)).errors == []
    restic_agrees(store)


def test_after_a_failed_upload_a_writer_does_nothing_more(repository, monkeypatch):
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 1000)
    failing = through(repository, Fault("before", "put", "data/*"))
    with failing.lock(CANCEL) as lock:
        writer = failing.writer(lock, CANCEL)
        refused = 0
        for one in contents(50):
            try:
                writer.save(BlobType.DATA, one)
            except StoreUnavailable:
                refused += 1
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                writer.flush()
        writer.close()
    assert refused > 40
    assert names(repository.store, "index") == []
    assert len(failing.index) == 0


def test_a_full_disk_ends_all_threads_and_nothing_hangs(repository, monkeypatch):
    monkeypatch.setitem(writer_module.PACK_SIZE, BlobType.DATA, 1000)
    failing = through(repository, Fault("before", "put", "data/*", times=None))
    with failing.lock(CANCEL) as lock, ThreadPoolExecutor(6) as pool:
        writer = failing.writer(lock, CANCEL)
        outcomes = [pool.submit(writer.save, BlobType.DATA, one) for one in contents(100)]
        assert all(isinstance(outcome.exception(20), StoreUnavailable | None) for outcome in outcomes)
        writer.close()


# under a lock


def competitor(repository):
    lock = LockFile(time=repository.clock.now().isoformat(), exclusive=True, hostname="elsewhere", pid=1)
    return sealed.save(repository.store, repository.key, lock, LockId)


def test_nothing_is_written_before_the_lock_is_confirmed(repository):
    lock = repository.unconfirmed_lock()
    lock.begin()
    other = competitor(repository)
    writer = repository.writer(lock, CANCEL)
    writer.save(BlobType.DATA, b"content")
    with pytest.raises(RepositoryLocked):
        writer.flush()
    writer.close()
    assert names(repository.store, "data") == names(repository.store, "index") == []
    assert names(repository.store, "locks") == [f"locks/{other}"]
    repository.store.delete(f"locks/{other}")


def test_a_cancelled_run_does_not_begin_to_write(repository):
    lock, cancel = repository.unconfirmed_lock(), Cancel()
    lock.begin()
    writer = repository.writer(lock, cancel)
    writer.save(BlobType.DATA, b"content")
    cancel.request()
    with pytest.raises(Cancelled):
        writer.flush()
    writer.close()
    lock.release()
    assert names(repository.store, "data") == names(repository.store, "locks") == []


@pytest.mark.parametrize("moment", ["before the index", "before the snapshot"])
def test_a_run_that_lost_its_lock_publishes_nothing(store, moment):
    clock = ManualClock()
    repository = init(store, clock=clock)
    with repository.lock(CANCEL) as lock:
        writer = repository.writer(lock, CANCEL)
        tree = save_tree(repository, writer, FILES)
        if moment == "before the index":
            clock.advance(23 * 60)
            with pytest.raises(LockLost):
                writer.flush()
            assert names(store, "index") == []
        else:
            writer.flush()
            clock.advance(23 * 60)
        with pytest.raises(LockLost):
            repository.save_snapshot(Snapshot(time="2026-01-01T00:00:00Z", tree=tree.hex(), paths=["/"]), lock)
        writer.close()
    assert names(store, "snapshots") == []
    assert check_all(reopen(store)).errors == []
